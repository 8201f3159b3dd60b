//! A pickle that can only build arrays: the tutorial's `numpy.save` of a dictionary.
//!
//! Python's own reader runs whatever a pickle names (CVE-2019-6446). This one knows the few
//! instructions that NumPy writes, and five names that mean arrays to it; any other name, and
//! any other call, is refused by name. Nothing is executed, nothing is looked up. Objects lie
//! in one list and refer to each other by number, so that neither nesting nor repetition costs
//! more than the bytes that say it; text, bytes and numbers stay where they are in the file until
//! the dictionary is known to be sound. Source: `pickletools.py`, PEP 3154, PEP 574.

use super::arrays::{Array, ArrayError, ByteOrder, ElementType, MAX_DIMENSIONS, MemoryOrder};
use std::{borrow::Cow, collections::HashMap};

/// Instructions that a pickle may have at most. numpy writes some 40 for an array.
pub const MAX_INSTRUCTIONS: usize = 100_000;

/// Arrays that a dictionary may hold at most.
pub const MAX_ARRAYS: usize = 1000;

/// How many times the size of the pickle its arrays may take together. Names may share an array
/// (`{"w1": w1, "best_w1": w1}`), but ten bytes each must not ask for a megabyte each.
const MAX_GROWTH: usize = 8;

/// A pickle that is not a dictionary of arrays.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum PickleError {
    /// It names something that is not an array.
    #[error("it asks for {name}, which is refused: only arrays are read, nothing is executed")]
    Refused {
        /// What it names, such as `os.system`.
        name: String,
    },
    /// It calls or changes something that is not an array in the making.
    #[error("at byte {place} it calls or changes something other than an array, which is refused")]
    Call {
        /// Where.
        place: usize,
    },
    /// An instruction that NumPy does not write.
    #[error("unknown instruction {code:#04x} at byte {place}")]
    Instruction {
        /// The instruction.
        code: u8,
        /// Where.
        place: usize,
    },
    /// It ends before it says so.
    #[error("it ends at byte {place}, before its end mark")]
    Cut {
        /// Where.
        place: usize,
    },
    /// Its instructions make no sense.
    #[error("it makes no sense at byte {place}")]
    Malformed {
        /// Where.
        place: usize,
    },
    /// More instructions than a dictionary of arrays needs.
    #[error("more than {MAX_INSTRUCTIONS} instructions")]
    TooLong,
    /// More arrays than any model has.
    #[error("{found} arrays, at most {MAX_ARRAYS} are accepted")]
    TooMany {
        /// Arrays found.
        found: usize,
    },
    /// Names that share arrays, so often that they would fill the memory.
    #[error("its arrays repeat each other to more than {max} bytes")]
    TooLarge {
        /// Bytes that are accepted for a pickle of this size.
        max: usize,
    },
    /// It builds something else than a dictionary of names and arrays.
    #[error("it does not hold a dictionary of names and arrays")]
    NotADictionary,
    /// The same name twice.
    #[error("it holds {name} twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// One of its arrays is not what it claims to be.
    #[error("array {name}")]
    Array {
        /// Its name.
        name: String,
        /// What is wrong.
        source: ArrayError,
    },
}

/// The place of an object in the list of all.
type Id = usize;

#[derive(Clone, Debug)]
enum Object<'a> {
    None,
    Bool(bool),
    Integer(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// How protocol 2 says bytes: the text of them, in Latin-1.
    Latin1(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dictionary(Vec<(Id, Id)>),
    Name(Name),
    ElementType {
        code: &'a str,
        byte_order: ByteOrder,
    },
    /// An array in the making, and then with its state: shape, element type, order, data.
    Array(Option<ArrayState>),
}

#[derive(Clone, Copy, Debug)]
struct ArrayState {
    shape: Id,
    element: Id,
    order: MemoryOrder,
    data: Id,
}

/// All names that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Reconstruct,
    Array,
    ElementType,
    FromBuffer,
    Encode,
}

impl Name {
    fn parse(module: &str, name: &str) -> Result<Name, PickleError> {
        match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Ok(Name::Reconstruct),
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Ok(Name::FromBuffer),
            ("numpy", "ndarray") => Ok(Name::Array),
            ("numpy", "dtype") => Ok(Name::ElementType),
            ("_codecs", "encode") => Ok(Name::Encode),
            _ => Err(PickleError::Refused { name: format!("{module}.{name}").chars().take(80).collect() }),
        }
    }
}

/// Reads all of the pickle of a dictionary of named arrays, as `numpy.save` writes it.
pub(super) fn read_dictionary(bytes: &[u8]) -> Result<Vec<(String, Array)>, PickleError> {
    let mut machine =
        Machine { bytes, place: 0, objects: vec![], stack: vec![], marks: vec![], memo: HashMap::new() };
    let top = machine.run()?;
    machine.dictionary(top)
}

struct Machine<'a> {
    bytes: &'a [u8],
    place: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn malformed<T>(&self) -> Result<T, PickleError> {
        Err(PickleError::Malformed { place: self.place })
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], PickleError> {
        let rest = &self.bytes[self.place..];
        let count = usize::try_from(count).ok().filter(|&count| count <= rest.len());
        let count = count.ok_or(PickleError::Cut { place: self.bytes.len() })?;
        self.place += count;
        Ok(&rest[..count])
    }

    /// An unsigned number of `width` bytes, up to 8.
    fn number(&mut self, width: u64) -> Result<u64, PickleError> {
        let mut number = [0; 8];
        number[..width as usize].copy_from_slice(self.take(width)?);
        Ok(u64::from_le_bytes(number))
    }

    /// The text up to the end of the line.
    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.bytes[self.place..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(PickleError::Cut { place: self.bytes.len() });
        };
        let line = self.text(length as u64)?;
        self.place += 1;
        Ok(line)
    }

    fn text(&mut self, length: u64) -> Result<&'a str, PickleError> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).or_else(|_| self.malformed())
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return self.malformed();
        }
        Ok(self.stack.pop().expect("checked"))
    }

    /// Everything since the last mark.
    fn pop_to_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => self.malformed(),
        }
    }

    fn push_tuple(&mut self, count: usize) -> Result<(), PickleError> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.push(Object::Tuple(items));
        Ok(())
    }

    fn remember(&mut self, key: u32) -> Result<(), PickleError> {
        let top = self.pop()?;
        self.stack.push(top);
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), PickleError> {
        match self.memo.get(&key) {
            Some(&id) => {
                self.stack.push(id);
                Ok(())
            }
            None => self.malformed(),
        }
    }

    /// Runs all instructions, and gives what is left at the end.
    fn run(&mut self) -> Result<Id, PickleError> {
        let mut left = MAX_INSTRUCTIONS;
        loop {
            let place = self.place;
            let code = self.take(1)?[0];
            left = left.checked_sub(1).ok_or(PickleError::TooLong)?;
            match code {
                0x80 if place == 0 => match self.number(1)? {
                    2..=5 => {}
                    _ => return self.malformed(),
                },
                0x95 => {
                    let length = self.number(8)?; // FRAME: a hint for readers of streams
                    if length > (self.bytes.len() - self.place) as u64 {
                        return Err(PickleError::Cut { place: self.bytes.len() });
                    }
                }
                b'.' => {
                    let top = self.pop()?;
                    let nothing_left = self.stack.is_empty() && self.place == self.bytes.len();
                    return if nothing_left { Ok(top) } else { self.malformed() };
                }
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Object::None),
                0x88 => self.push(Object::Bool(true)),
                0x89 => self.push(Object::Bool(false)),
                b'K' => {
                    let number = self.number(1)? as i64;
                    self.push(Object::Integer(number));
                }
                b'M' => {
                    let number = self.number(2)? as i64;
                    self.push(Object::Integer(number));
                }
                b'J' => {
                    let number = self.number(4)? as u32 as i32;
                    self.push(Object::Integer(number.into()));
                }
                0x8a => {
                    let width = self.number(1)?; // LONG1: two's complement
                    if width > 8 {
                        return self.malformed();
                    }
                    let number = self.number(width)?;
                    let unused = 64 - 8 * width.max(1) as u32;
                    self.push(Object::Integer(((number << unused) as i64) >> unused));
                }
                b'X' | 0x8c | 0x8d => {
                    let length = self.number(match code {
                        0x8c => 1,
                        b'X' => 4,
                        _ => 8,
                    })?;
                    let text = self.text(length)?;
                    self.push(Object::Text(text));
                }
                b'C' | b'B' | 0x8e | 0x96 => {
                    let length = self.number(match code {
                        b'C' => 1,
                        b'B' => 4,
                        _ => 8,
                    })?;
                    let bytes = self.take(length)?;
                    self.push(Object::Bytes(bytes));
                }
                b')' => self.push(Object::Tuple(vec![])),
                0x85..=0x87 => self.push_tuple(usize::from(code - 0x84))?,
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Tuple(items));
                }
                b']' => self.push(Object::List(vec![])),
                b'}' => self.push(Object::Dictionary(vec![])),
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set_items(&items)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    let name = Name::parse(module, name)?;
                    self.push(Object::Name(name));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Object::Text(module), Object::Text(name)) =
                        (&self.objects[module], &self.objects[name])
                    else {
                        return self.malformed();
                    };
                    let name = Name::parse(module, name)?;
                    self.push(Object::Name(name));
                }
                b'q' => {
                    let key = self.number(1)? as u32;
                    self.remember(key)?;
                }
                b'r' => {
                    let key = self.number(4)? as u32;
                    self.remember(key)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let key = self.number(1)? as u32;
                    self.recall(key)?;
                }
                b'j' => {
                    let key = self.number(4)? as u32;
                    self.recall(key)?;
                }
                b'R' => {
                    let (arguments, callee) = (self.pop()?, self.pop()?);
                    let made = self.call(callee, arguments).ok_or(PickleError::Call { place })?;
                    self.push(made);
                }
                b'b' => {
                    let (state, object) = (self.pop()?, self.pop()?);
                    self.build(object, state).ok_or(PickleError::Call { place })?;
                    self.stack.push(object);
                }
                _ => return Err(PickleError::Instruction { code, place }),
            }
        }
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), PickleError> {
        let target = self.pop()?;
        self.stack.push(target);
        match &mut self.objects[target] {
            Object::List(list) => list.extend(items),
            _ => return self.malformed(),
        }
        Ok(())
    }

    fn set_items(&mut self, keys_and_values: &[Id]) -> Result<(), PickleError> {
        let target = self.pop()?;
        self.stack.push(target);
        let (pairs, rest) = keys_and_values.as_chunks::<2>();
        match &mut self.objects[target] {
            Object::Dictionary(items) if rest.is_empty() => {
                items.extend(pairs.iter().map(|&[key, value]| (key, value)))
            }
            _ => return self.malformed(),
        }
        Ok(())
    }

    fn tuple(&self, id: Id) -> Option<&[Id]> {
        match &self.objects[id] {
            Object::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The few calls that make an array; `None` for any other.
    fn call(&self, callee: Id, arguments: Id) -> Option<Object<'a>> {
        let Object::Name(name) = self.objects[callee] else { return None };
        let arguments = self.tuple(arguments)?;
        match (name, arguments) {
            (Name::Reconstruct, [class, ..]) => match self.objects[*class] {
                Object::Name(Name::Array) => Some(Object::Array(None)),
                _ => None,
            },
            (Name::ElementType, [code, ..]) => match self.objects[*code] {
                Object::Text(code) => Some(Object::ElementType { code, byte_order: ByteOrder::LittleEndian }),
                _ => None,
            },
            // _frombuffer(buffer, dtype, shape, order)
            (Name::FromBuffer, &[data, element, shape, order]) => {
                let Object::Text(order) = self.objects[order] else { return None };
                let order = MemoryOrder::from_fortran_flag(order == "F");
                Some(Object::Array(Some(ArrayState { shape, element, order, data })))
            }
            (Name::Encode, [text, encoding]) => match (&self.objects[*text], &self.objects[*encoding]) {
                (Object::Text(text), Object::Text("latin1" | "latin-1")) => Some(Object::Latin1(text)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Gives an array or element type its state; `None` for anything else.
    fn build(&mut self, object: Id, state: Id) -> Option<()> {
        let state = self.tuple(state)?;
        let new = match (&self.objects[object], state) {
            (Object::ElementType { code, .. }, [_version, order, ..]) => match self.objects[*order] {
                Object::Text(">") => Object::ElementType { code, byte_order: ByteOrder::BigEndian },
                Object::Text(_) => Object::ElementType { code, byte_order: ByteOrder::LittleEndian },
                _ => return None,
            },
            (Object::Array(None), &[_version, shape, element, order, data]) => match self.objects[order] {
                Object::Bool(is_fortran) => {
                    let order = MemoryOrder::from_fortran_flag(is_fortran);
                    Object::Array(Some(ArrayState { shape, element, order, data }))
                }
                _ => return None,
            },
            _ => return None,
        };
        self.objects[object] = new;
        Some(())
    }

    /// The dictionary inside the array without dimensions that `numpy.save` puts around it.
    fn dictionary(&self, top: Id) -> Result<Vec<(String, Array)>, PickleError> {
        let items = self.dictionary_items(top).ok_or(PickleError::NotADictionary)?;
        if items.len() > MAX_ARRAYS {
            return Err(PickleError::TooMany { found: items.len() });
        }
        let max = self.bytes.len().saturating_mul(MAX_GROWTH);
        let mut left = max;
        let mut arrays: Vec<(String, Array)> = vec![];
        for &(key, value) in items {
            let Object::Text(name) = self.objects[key] else { return Err(PickleError::NotADictionary) };
            let Object::Array(Some(state)) = self.objects[value] else {
                return Err(PickleError::NotADictionary);
            };
            let name: String = name.chars().take(80).collect();
            if arrays.iter().any(|(other, _)| *other == name) {
                return Err(PickleError::Twice { name });
            }
            let size = match self.objects[state.data] {
                Object::Bytes(data) => data.len(),
                Object::Latin1(text) => text.len(),
                _ => return Err(PickleError::NotADictionary),
            };
            left = left.checked_sub(size).ok_or(PickleError::TooLarge { max })?;
            let array = self.array(state).ok_or(PickleError::NotADictionary)?;
            arrays.push((name.clone(), array.map_err(|source| PickleError::Array { name, source })?));
        }
        Ok(arrays)
    }

    fn dictionary_items(&self, top: Id) -> Option<&[(Id, Id)]> {
        let Object::Array(Some(state)) = self.objects[top] else { return None };
        let (Object::ElementType { code: "O8" | "O", .. }, Object::List(list)) =
            (&self.objects[state.element], &self.objects[state.data])
        else {
            return None;
        };
        match (self.tuple(state.shape)?, list.as_slice()) {
            ([], &[item]) => match &self.objects[item] {
                Object::Dictionary(items) => Some(items),
                _ => None,
            },
            _ => None,
        }
    }

    /// `None` if its parts are not those of an array.
    fn array(&self, state: ArrayState) -> Option<Result<Array, ArrayError>> {
        let Object::ElementType { code, byte_order } = self.objects[state.element] else { return None };
        let data: Cow<[u8]> = match self.objects[state.data] {
            Object::Bytes(data) => data.into(),
            Object::Latin1(text) => {
                let bytes = text.chars().map(|letter| u8::try_from(u32::from(letter)).ok());
                bytes.collect::<Option<Vec<u8>>>()?.into()
            }
            _ => return None,
        };
        let dimension = |&id: &Id| match self.objects[id] {
            Object::Integer(n) => usize::try_from(n).ok(),
            _ => None,
        };
        let shape = self.tuple(state.shape)?;
        if shape.len() > MAX_DIMENSIONS {
            return Some(Err(ArrayError::Dimensions { found: shape.len() }));
        }
        let shape = shape.iter().map(dimension).collect::<Option<Vec<_>>>()?;
        let element = ElementType::parse(code).map(|element| element.with_byte_order(byte_order));
        Some(element.and_then(|element| Array::from_bytes(element, shape, state.order, &data)))
    }
}

/// The pickle of a dictionary of arrays inside an array without dimensions: protocol 3, and
/// module names that NumPy 1 and 2 both know.
pub(super) fn write_dictionary(arrays: &[(String, Array)]) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn error(pickle: &[u8]) -> PickleError {
        read_dictionary(pickle).unwrap_err()
    }

    #[test]
    fn names_that_are_not_arrays_are_refused_by_name() {
        for (pickle, name) in [
            (&b"\x80\x03cos\nsystem\nX\x02\0\0\0id\x85R."[..], "os.system"),
            (b"cbuiltins\neval\n.", "builtins.eval"),
            (b"\x80\x04\x8c\x02os\x8c\x05popen\x93.", "os.popen"),
            (b"\x80\x04\x8c\x05numpy\x8c\x04load\x93.", "numpy.load"),
            (b"cnumpy.core.multiarray\nscalar\n.", "numpy.core.multiarray.scalar"),
        ] {
            assert_eq!(error(pickle), PickleError::Refused { name: name.into() });
        }
    }

    #[test]
    fn calls_other_than_those_that_make_arrays_are_refused() {
        for pickle in [
            &b"cnumpy\nndarray\n)R."[..],                                   // the class itself
            b"cnumpy\ndtype\nK\x01\x85R.",                                  // a dtype of a number
            b"K\x01)R.",                                                    // a number
            b"}}b.",                                                        // the state of a dictionary
            b"c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0rot\x86R.",          // another codec
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\n\x85R.", // of another class
        ] {
            assert!(matches!(error(pickle), PickleError::Call { .. }), "{pickle:?}: {:?}", error(pickle));
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for pickle in [
            &b""[..],
            b"\x80",
            b".",
            b"t.",
            b"(a.",
            b"h\x07.",
            b"q\0.",
            b"X\xff\xff\xff\xffab.",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.",
            b"\x8a\x09\0\0\0\0\0\0\0\0\0.",
            b"(K\x01u.",
            b"]}(K\x01u.",
            b"N.",
            b"i.",
            b"\x8c\x01\xff.",
        ] {
            read_dictionary(pickle).unwrap_err();
        }
    }

    #[test]
    fn repetition_and_nesting_cost_no_more_than_their_bytes() {
        let mut billion_laughs = b"(]q\0".to_vec();
        for _ in 0..5_000 {
            billion_laughs.extend(b"(h\0h\0h\0h\0h\0h\0h\0h\0tq\0"); // eight of what was, five thousand times over
        }
        billion_laughs.extend(b"t.");
        assert_eq!(error(&billion_laughs), PickleError::NotADictionary);
        let nested = [&b"]".repeat(40_000)[..], &b"a".repeat(39_999), b"."].concat();
        assert_eq!(error(&nested), PickleError::NotADictionary);
        assert_eq!(error(&b"N".repeat(MAX_INSTRUCTIONS + 1)), PickleError::TooLong);
    }
}
