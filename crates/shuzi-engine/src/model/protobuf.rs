//! Protocol Buffers, as far as [`onnx`](super::onnx) writes them: a message is its fields, one behind the other.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>. A field is a key (its number and how it is written) and a value:
//! a *varint*, four bytes, or a length and so many bytes, which are a text or a message again. Only written, never read: a
//! library for it would have each message of ONNX declared once more, which is longer than this file.

/// A message so far.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// With an integer.
    pub fn integer(mut self, field: u8, value: i64) -> Self {
        self.key(field, 0);
        self.varint(value as u64); // two's complement, as the format has it
        self
    }

    /// With a number of single precision.
    pub fn float(mut self, field: u8, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// With a text.
    pub fn text(self, field: u8, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// With bytes.
    pub fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    /// With a message in it.
    pub fn message(self, field: u8, message: Message) -> Self {
        self.bytes(field, &message.0)
    }

    /// With what `add` adds for each of `items`: a field that is repeated.
    pub fn each<T>(self, items: impl IntoIterator<Item = T>, add: impl Fn(Self, T) -> Self) -> Self {
        items.into_iter().fold(self, add)
    }

    /// As a file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u8, written: u8) {
        self.varint(u64::from(field) << 3 | u64::from(written));
    }

    /// Seven bits a byte, the lowest first; all bytes but the last have the eighth set.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_specification_shows_them() {
        // The examples of its pages: 150 as a varint, "testing", and a message in a message.
        assert_eq!(Message::default().integer(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").into_bytes(), *b"\x12\x07testing");
        let inner = Message::default().integer(1, 150);
        assert_eq!(Message::default().message(3, inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::default().integer(1, -2).into_bytes(), minus_two);
        // Fields above 15 have a key of two bytes.
        assert_eq!(Message::default().float(20, 1.0).into_bytes(), [0xa5, 0x01, 0, 0, 0x80, 0x3f]);
        let numbers = Message::default().each([0, 127, 128], |message, number| message.integer(1, number));
        assert_eq!(numbers.into_bytes(), [0x08, 0, 0x08, 127, 0x08, 0x80, 0x01]);
    }
}
