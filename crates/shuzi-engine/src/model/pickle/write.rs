//! Arrays to the pickle that `numpy.save` writes of a dictionary.
//!
//! In: names and arrays. Out: a pickle of protocol 3, with the module names that NumPy 1 and 2 both know. It shares no object
//! between two arrays. Source: `pickletools.py`, and what NumPy itself writes.

use crate::model::arrays::Array;

/// The pickle of a dictionary of arrays inside an array without dimensions: protocol 3, and
/// module names that NumPy 1 and 2 both know.
pub(in crate::model) fn write_dictionary(arrays: &[(String, Array)]) -> Vec<u8> {
    let mut pickle = b"\x80\x03".to_vec();
    open_array(&mut pickle, &[], "O8", "|");
    pickle.extend(b"]}(");
    for (name, array) in arrays {
        let (element, data) = array.to_bytes();
        text(&mut pickle, name);
        open_array(&mut pickle, array.shape(), &element[1..], "<");
        pickle.push(b'B');
        pickle.extend(u32::try_from(data.len()).expect("weights of one layer stay below 4 GB").to_le_bytes());
        pickle.extend(data);
        pickle.extend(b"tb"); // the state is complete: BUILD
    }
    pickle.extend(b"uatb.");
    pickle
}

/// Everything of an array up to its data: `_reconstruct(ndarray, (0,), b'b')`, then its state
/// `(1, shape, dtype, False, …`.
fn open_array(pickle: &mut Vec<u8>, shape: &[usize], element: &str, order: &str) {
    pickle.extend(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R(K\x01(");
    for &n in shape {
        pickle.push(b'J');
        pickle.extend(i32::try_from(n).expect("a layer's width").to_le_bytes());
    }
    pickle.extend(b"tcnumpy\ndtype\n");
    text(pickle, element);
    pickle.extend(b"\x89\x88\x87R(K\x03");
    text(pickle, order);
    pickle.extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK");
    pickle.push(if element == "O8" { 63 } else { 0 }); // NumPy's flags: objects need care
    pickle.extend(b"tb\x89");
}

fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(b'X');
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.as_bytes());
}
