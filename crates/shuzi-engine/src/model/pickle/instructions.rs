//! The instructions of a pickle: bytes to one [`Instruction`] after the other.
//!
//! In: the bytes of a file. Out: what NumPy writes and nothing else; text and bytes stay where they are in the file. Any other
//! instruction, any other name and every cut is an error. Executes nothing. The names are those of Python's `pickletools.py`.

use super::{
    MAX_INSTRUCTIONS, PickleError,
    machine::{Name, Object},
};

/// What the machine is asked to do next.
pub(super) enum Instruction<'a> {
    /// Nothing: the version of the protocol, or a hint for readers of streams.
    Nothing,
    /// The object on top of the stack is the result.
    Stop,
    Mark,
    Push(Object<'a>),
    /// A tuple of so many objects from the top of the stack.
    Tuple(usize),
    /// A tuple of all objects since the last mark.
    TupleFromMark,
    Append,
    /// Appends all objects since the last mark.
    Appends,
    SetItem,
    /// Sets all keys and values since the last mark.
    SetItems,
    /// The name whose module and own name are texts on the stack.
    StackGlobal,
    /// Remembers the object on top by this key.
    Put(u32),
    /// Remembers it by the next free key.
    Memoize,
    /// Pushes the object that was remembered by this key.
    Get(u32),
    /// Calls a name with a tuple of arguments.
    Reduce,
    /// Gives an object its state.
    Build,
}

/// Reads the instructions of a pickle.
pub(super) struct Instructions<'a> {
    bytes: &'a [u8],
    place: usize,
    left: usize,
}

impl<'a> Instructions<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Instructions { bytes, place: 0, left: MAX_INSTRUCTIONS }
    }

    /// The byte that is read next.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.place == self.bytes.len()
    }

    /// The next instruction with its argument.
    pub(super) fn read(&mut self) -> Result<Instruction<'a>, PickleError> {
        let place = self.place;
        let code = self.read_bytes(1)?[0];
        self.left = self.left.checked_sub(1).ok_or(PickleError::TooLong)?;
        Ok(match code {
            0x80 if place == 0 => self.protocol()?,
            0x95 => self.frame()?,
            b'.' => Instruction::Stop,
            b'(' => Instruction::Mark,
            b'N' => Instruction::Push(Object::None),
            0x88 => Instruction::Push(Object::Bool(true)),
            0x89 => Instruction::Push(Object::Bool(false)),
            b'K' => Instruction::Push(Object::Integer(self.number(1)? as i64)),
            b'M' => Instruction::Push(Object::Integer(self.number(2)? as i64)),
            b'J' => Instruction::Push(Object::Integer((self.number(4)? as u32 as i32).into())),
            0x8a => Instruction::Push(Object::Integer(self.long()?)),
            0x8c => Instruction::Push(Object::Text(self.counted_text(1)?)),
            b'X' => Instruction::Push(Object::Text(self.counted_text(4)?)),
            0x8d => Instruction::Push(Object::Text(self.counted_text(8)?)),
            b'C' => Instruction::Push(Object::Bytes(self.counted_bytes(1)?)),
            b'B' => Instruction::Push(Object::Bytes(self.counted_bytes(4)?)),
            0x8e | 0x96 => Instruction::Push(Object::Bytes(self.counted_bytes(8)?)),
            b']' => Instruction::Push(Object::List(vec![])),
            b'}' => Instruction::Push(Object::Dictionary(vec![])),
            b')' => Instruction::Push(Object::Tuple(vec![])),
            0x85..=0x87 => Instruction::Tuple(usize::from(code - 0x84)),
            b't' => Instruction::TupleFromMark,
            b'a' => Instruction::Append,
            b'e' => Instruction::Appends,
            b's' => Instruction::SetItem,
            b'u' => Instruction::SetItems,
            b'c' => Instruction::Push(Object::Name(Name::parse(self.line()?, self.line()?)?)),
            0x93 => Instruction::StackGlobal,
            b'q' => Instruction::Put(self.number(1)? as u32),
            b'r' => Instruction::Put(self.number(4)? as u32),
            0x94 => Instruction::Memoize,
            b'h' => Instruction::Get(self.number(1)? as u32),
            b'j' => Instruction::Get(self.number(4)? as u32),
            b'R' => Instruction::Reduce,
            b'b' => Instruction::Build,
            _ => return Err(PickleError::Instruction { code, place }),
        })
    }

    fn protocol(&mut self) -> Result<Instruction<'a>, PickleError> {
        match self.number(1)? {
            2..=5 => Ok(Instruction::Nothing),
            _ => self.malformed(),
        }
    }

    fn frame(&mut self) -> Result<Instruction<'a>, PickleError> {
        let length = self.number(8)?;
        if length > (self.bytes.len() - self.place) as u64 {
            return Err(self.cut());
        }
        Ok(Instruction::Nothing)
    }

    /// A number in two's complement behind the count of its bytes.
    fn long(&mut self) -> Result<i64, PickleError> {
        let width = self.number(1)?;
        if width > 8 {
            return self.malformed();
        }
        let number = self.number(width)?;
        let unused_bits = 64 - 8 * width.max(1) as u32;
        Ok(((number << unused_bits) as i64) >> unused_bits)
    }

    /// Bytes behind their count, which has `width` bytes itself.
    fn counted_bytes(&mut self, width: u64) -> Result<&'a [u8], PickleError> {
        let length = self.number(width)?;
        self.read_bytes(length)
    }

    fn counted_text(&mut self, width: u64) -> Result<&'a str, PickleError> {
        let bytes = self.counted_bytes(width)?;
        self.text(bytes)
    }

    /// The text up to the end of the line.
    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.bytes[self.place..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or(self.cut())?;
        let bytes = self.read_bytes(length as u64)?;
        let line = self.text(bytes)?;
        self.place += 1;
        Ok(line)
    }

    fn text(&self, bytes: &'a [u8]) -> Result<&'a str, PickleError> {
        std::str::from_utf8(bytes).or_else(|_| self.malformed())
    }

    /// An unsigned number of `width` bytes, up to 8.
    fn number(&mut self, width: u64) -> Result<u64, PickleError> {
        let mut number = [0; 8];
        number[..width as usize].copy_from_slice(self.read_bytes(width)?);
        Ok(u64::from_le_bytes(number))
    }

    fn read_bytes(&mut self, count: u64) -> Result<&'a [u8], PickleError> {
        let rest = &self.bytes[self.place..];
        let count = usize::try_from(count).ok().filter(|&count| count <= rest.len());
        let count = count.ok_or(self.cut())?;
        self.place += count;
        Ok(&rest[..count])
    }

    fn cut(&self) -> PickleError {
        PickleError::Cut { place: self.bytes.len() }
    }

    fn malformed<T>(&self) -> Result<T, PickleError> {
        Err(PickleError::Malformed { place: self.place })
    }
}
