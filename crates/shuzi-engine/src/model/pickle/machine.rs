//! The stack machine that a pickle is a program for, with objects that can only become arrays.
//!
//! In: [`Instruction`]s. Out: all [`Object`]s, and which of them is the result. Objects lie in one list and refer to each other by
//! number, so that neither nesting nor repetition costs more than the bytes that say it. Nothing is executed, nothing is looked up:
//! a name means one of the five that are known here, and a call of anything else is an error. Source: PEP 3154, PEP 574.

use super::{
    PickleError,
    instructions::{Instruction, Instructions},
};
use crate::model::arrays::{ByteOrder, MemoryOrder};
use std::collections::HashMap;

/// The place of an object in the list of all.
pub(super) type Id = usize;

#[derive(Clone, Debug)]
pub(super) enum Object<'a> {
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
pub(super) struct ArrayState {
    pub shape: Id,
    pub element: Id,
    pub order: MemoryOrder,
    pub data: Id,
}

/// All names that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Reconstruct,
    Array,
    ElementType,
    FromBuffer,
    Encode,
}

impl Name {
    pub(super) fn parse(module: &str, name: &str) -> Result<Name, PickleError> {
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

/// All objects of a pickle.
pub(super) struct Objects<'a>(Vec<Object<'a>>);

impl<'a> std::ops::Index<Id> for Objects<'a> {
    type Output = Object<'a>;

    fn index(&self, id: Id) -> &Object<'a> {
        &self.0[id]
    }
}

impl Objects<'_> {
    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match &self[id] {
            Object::Tuple(items) => Some(items),
            _ => None,
        }
    }
}

/// Runs all instructions: the objects, and the one that is left at the end.
pub(super) fn run(bytes: &[u8]) -> Result<(Objects<'_>, Id), PickleError> {
    let mut machine = Machine {
        instructions: Instructions::new(bytes),
        objects: Objects(vec![]),
        stack: vec![],
        marks: vec![],
        memo: HashMap::new(),
    };
    let top = machine.run()?;
    Ok((machine.objects, top))
}

struct Machine<'a> {
    instructions: Instructions<'a>,
    objects: Objects<'a>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, PickleError> {
        loop {
            let place = self.instructions.place();
            match self.instructions.read()? {
                Instruction::Nothing => {}
                Instruction::Stop => return self.stop(),
                Instruction::Mark => self.marks.push(self.stack.len()),
                Instruction::Push(object) => self.push(object),
                Instruction::Tuple(count) => self.push_tuple(count)?,
                Instruction::TupleFromMark => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Tuple(items));
                }
                Instruction::Append => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                Instruction::Appends => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                Instruction::SetItem => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                Instruction::SetItems => {
                    let items = self.pop_to_mark()?;
                    self.set_items(&items)?;
                }
                Instruction::StackGlobal => self.push_name()?,
                Instruction::Put(key) => self.remember(key)?,
                Instruction::Memoize => self.remember(self.memo.len() as u32)?,
                Instruction::Get(key) => self.recall(key)?,
                Instruction::Reduce => {
                    let (arguments, callee) = (self.pop()?, self.pop()?);
                    let made = self.call(callee, arguments).ok_or(PickleError::Call { place })?;
                    self.push(made);
                }
                Instruction::Build => {
                    let (state, object) = (self.pop()?, self.pop()?);
                    self.build(object, state).ok_or(PickleError::Call { place })?;
                    self.stack.push(object);
                }
            }
        }
    }

    /// The result, if nothing is left behind it.
    fn stop(&mut self) -> Result<Id, PickleError> {
        let top = self.pop()?;
        let nothing_left = self.stack.is_empty() && self.instructions.is_at_end();
        if nothing_left { Ok(top) } else { self.malformed() }
    }

    fn malformed<T>(&self) -> Result<T, PickleError> {
        Err(PickleError::Malformed { place: self.instructions.place() })
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.objects.0.len());
        self.objects.0.push(object);
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

    /// The name whose module and own name are on the stack.
    fn push_name(&mut self) -> Result<(), PickleError> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Object::Text(module), Object::Text(name)) = (&self.objects[module], &self.objects[name]) else {
            return self.malformed();
        };
        let name = Name::parse(module, name)?;
        self.push(Object::Name(name));
        Ok(())
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), PickleError> {
        let target = self.pop()?;
        self.stack.push(target);
        match &mut self.objects.0[target] {
            Object::List(list) => list.extend(items),
            _ => return self.malformed(),
        }
        Ok(())
    }

    fn set_items(&mut self, keys_and_values: &[Id]) -> Result<(), PickleError> {
        let target = self.pop()?;
        self.stack.push(target);
        let (items, rest) = keys_and_values.as_chunks::<2>();
        match &mut self.objects.0[target] {
            Object::Dictionary(dictionary) if rest.is_empty() => {
                dictionary.extend(items.iter().map(|&[key, value]| (key, value)))
            }
            _ => return self.malformed(),
        }
        Ok(())
    }

    /// The few calls that make an array; `None` for any other.
    fn call(&self, callee: Id, arguments: Id) -> Option<Object<'a>> {
        let Object::Name(name) = self.objects[callee] else { return None };
        let arguments = self.objects.tuple(arguments)?;
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
        let state = self.objects.tuple(state)?;
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
        self.objects.0[object] = new;
        Some(())
    }
}
