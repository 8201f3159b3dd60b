//! The C functions of a header, one for each kind of layer.
//!
//! In: integers as the network has them, weights in the order that each function names. Out: the integers that the library itself
//! gives, to the bit. C99 with `<stdint.h>` alone; no shift of a negative number, which C leaves open. A header has those that it calls.

/// The functions that a header may have, each behind those that it calls.
pub(super) const FUNCTIONS: [(&str, &str); 9] = [
    (
        "shuzi_pixels",
        "/* The middle of an image, as many rows and columns from the first on. */
static inline void shuzi_pixels(const uint8_t *image, int32_t first, int32_t side, int16_t *y)
{
    for (int32_t row = first; row < first + side; row++)
        for (int32_t column = first; column < first + side; column++)
            *y++ = image[row * 28 + column];
}

",
    ),
    (
        "shuzi_end",
        "/* floor(sum / 2^shift + 1/2) + bias, least to INT16_MAX; a shift of a negative number is left open by C. */
static inline int16_t shuzi_end(int32_t sum, uint8_t shift, int16_t bias, int16_t least)
{
    sum += ((int32_t)1 << shift) >> 1;
    sum = (sum < 0 ? ~(~sum >> shift) : sum >> shift) + bias;
    return sum < least ? least : sum > INT16_MAX ? INT16_MAX : (int16_t)sum;
}

",
    ),
    (
        "shuzi_convolution",
        "/* Convolution with zeros around the picture, then the largest of each window of pool x pool pixels;
   weights[outputs][kernel][kernel][channels]. */
static inline void shuzi_convolution(const int16_t *x, int32_t height, int32_t width, int32_t channels,
    int32_t kernel, int32_t stride, int32_t padding, int32_t outputs, int32_t pool, const int8_t *weights,
    const int16_t *biases, const uint8_t *shifts, int16_t least, int16_t *y)
{
    const int32_t rows = ((height + 2 * padding - kernel) / stride + 1) / pool;
    const int32_t columns = ((width + 2 * padding - kernel) / stride + 1) / pool;
    for (int32_t i = 0; i < rows * pool; i++)
        for (int32_t j = 0; j < columns * pool; j++) {
            const int32_t row = i * stride - padding, column = j * stride - padding;
            /* What of the window lies inside the picture. */
            const int32_t top = row < 0 ? -row : 0, left = column < 0 ? -column : 0;
            const int32_t bottom = row + kernel > height ? height - row : kernel;
            const int32_t right = column + kernel > width ? width - column : kernel;
            const int is_first = i % pool == 0 && j % pool == 0;
            int16_t *to = y + (i / pool * columns + j / pool) * outputs;
            for (int32_t output = 0; output < outputs; output++) {
                int32_t sum = 0;
                for (int32_t k = top; k < bottom; k++) {
                    const int16_t *near = x + ((row + k) * width + column + left) * channels;
                    const int8_t *by = weights + ((output * kernel + k) * kernel + left) * channels;
                    for (int32_t n = 0; n < (right - left) * channels; n++)
                        sum += (int32_t)near[n] * by[n];
                }
                const int16_t value = shuzi_end(sum, shifts[output], biases[output], least);
                if (is_first || value > to[output])
                    to[output] = value;
            }
        }
}

",
    ),
    (
        "shuzi_depthwise",
        "/* Convolution of each channel by itself; weights[kernel][kernel][channels]. */
static inline void shuzi_depthwise(const int16_t *x, int32_t height, int32_t width, int32_t channels,
    int32_t kernel, int32_t stride, int32_t padding, const int8_t *weights, const int16_t *biases,
    const uint8_t *shifts, int16_t least, int16_t *y)
{
    for (int32_t row = -padding; row + kernel <= height + padding; row += stride)
        for (int32_t column = -padding; column + kernel <= width + padding; column += stride) {
            const int32_t top = row < 0 ? -row : 0, left = column < 0 ? -column : 0;
            const int32_t bottom = row + kernel > height ? height - row : kernel;
            const int32_t right = column + kernel > width ? width - column : kernel;
            for (int32_t channel = 0; channel < channels; channel++) {
                int32_t sum = 0;
                for (int32_t k = top; k < bottom; k++)
                    for (int32_t i = left; i < right; i++)
                        sum += (int32_t)x[((row + k) * width + column + i) * channels + channel]
                            * weights[(k * kernel + i) * channels + channel];
                *y++ = shuzi_end(sum, shifts[channel], biases[channel], least);
            }
        }
}

",
    ),
    (
        "shuzi_crop",
        "/* The middle of a picture, as many rows and columns from the first on. */
static inline void shuzi_crop(const int16_t *x, int32_t width, int32_t channels, int32_t first,
    int32_t side, int16_t *y)
{
    for (int32_t row = first; row < first + side; row++)
        for (int32_t i = first * channels; i < (first + side) * channels; i++)
            *y++ = x[row * width * channels + i];
}

",
    ),
    (
        "shuzi_maximum",
        "/* The largest number of each window; windows lie side by side. */
static inline void shuzi_maximum(const int16_t *x, int32_t height, int32_t width, int32_t channels,
    int32_t window, int16_t *y)
{
    for (int32_t row = 0; row + window <= height; row += window)
        for (int32_t column = 0; column + window <= width; column += window)
            for (int32_t channel = 0; channel < channels; channel++) {
                int16_t largest = INT16_MIN;
                for (int32_t k = 0; k < window * window; k++) {
                    const int32_t pixel = (row + k / window) * width + column + k % window;
                    if (x[pixel * channels + channel] > largest)
                        largest = x[pixel * channels + channel];
                }
                *y++ = largest;
            }
}

",
    ),
    (
        "shuzi_mean",
        "/* The mean of each window, rounded, halves up; windows lie side by side. */
static inline void shuzi_mean(const int16_t *x, int32_t height, int32_t width, int32_t channels,
    int32_t window, int16_t *y)
{
    const int32_t count = window * window;
    for (int32_t row = 0; row + window <= height; row += window)
        for (int32_t column = 0; column + window <= width; column += window)
            for (int32_t channel = 0; channel < channels; channel++) {
                int32_t sum = count / 2;
                for (int32_t k = 0; k < count; k++)
                    sum += x[((row + k / window) * width + column + k % window) * channels + channel];
                *y++ = (int16_t)(sum / count - (sum % count < 0));
            }
}

",
    ),
    (
        "shuzi_rectify",
        "/* max(x, 0). */
static inline void shuzi_rectify(const int16_t *x, int32_t count, int16_t *y)
{
    for (int32_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

",
    ),
    (
        "shuzi_add",
        "/* a + b, INT16_MIN to INT16_MAX. */
static inline void shuzi_add(const int16_t *a, const int16_t *b, int32_t count, int16_t *y)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t sum = (int32_t)a[i] + b[i];
        y[i] = sum < INT16_MIN ? INT16_MIN : sum > INT16_MAX ? INT16_MAX : (int16_t)sum;
    }
}

",
    ),
];
