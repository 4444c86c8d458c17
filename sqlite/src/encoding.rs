//! Values as bytes: what CPython's `marshal` writes in its version 2, of which its own reader makes objects at the speed of C.
//! (`Python/marshal.c`: a letter for the type, then little-endian numbers.)

use crate::{Failure, NOT_TEXT};

/// A value of SQLite's (<https://www.sqlite.org/datatype3.html>).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL
    Null,
    /// INTEGER
    Integer(i64),
    /// REAL
    Real(f64),
    /// TEXT, which need not be UTF-8.
    Text(Vec<u8>),
    /// BLOB
    Blob(Vec<u8>),
}

/// Writes values one behind the other.
#[derive(Debug, Default)]
pub struct Values {
    bytes: Vec<u8>,
}

impl Values {
    /// So many values follow, and are one.
    pub fn tuple(&mut self, length: usize) -> &mut Values {
        self.sized(b'(', length)
    }

    /// A list; how long it is can be said later ([`Values::set_length`]).
    pub(crate) fn list(&mut self) -> usize {
        self.sized(b'[', 0);
        self.bytes.len()
    }

    pub(crate) fn set_length(&mut self, list: usize, length: usize) {
        self.bytes[list - 4..list].copy_from_slice(&number(length));
    }

    /// None
    pub fn none(&mut self) -> &mut Values {
        self.bytes.push(b'N');
        self
    }

    /// True or False
    pub fn truth(&mut self, value: bool) -> &mut Values {
        self.bytes.push(if value { b'T' } else { b'F' });
        self
    }

    /// An int: 32 bits, or digits of 15 bits.
    pub fn integer(&mut self, value: i64) -> &mut Values {
        if let Ok(short) = i32::try_from(value) {
            self.bytes.push(b'i');
            self.bytes.extend(short.to_le_bytes());
            return self;
        }
        let mut rest = value.unsigned_abs();
        let mut digits = Vec::with_capacity(5);
        while rest > 0 {
            digits.push((rest & 0x7fff) as u16);
            rest >>= 15;
        }
        let count = digits.len() as i32;
        self.bytes.push(b'l');
        self.bytes
            .extend((if value < 0 { -count } else { count }).to_le_bytes());
        self.bytes.extend(digits.into_iter().flat_map(u16::to_le_bytes));
        self
    }

    /// A float.
    pub fn real(&mut self, value: f64) -> &mut Values {
        self.bytes.push(b'g');
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// A str.
    pub fn text(&mut self, value: &str) -> &mut Values {
        self.string(b'u', value.as_bytes())
    }

    /// A str, or None.
    pub(crate) fn text_or_none(&mut self, value: Option<&str>) -> &mut Values {
        match value {
            Some(value) => self.text(value),
            None => self.none(),
        }
    }

    /// Bytes.
    pub fn blob(&mut self, value: &[u8]) -> &mut Values {
        self.string(b's', value)
    }

    /// Any. A text that is no UTF-8 becomes a tuple of bytes alone.
    pub fn value(&mut self, value: &Value) -> &mut Values {
        match value {
            Value::Null => self.none(),
            Value::Integer(value) => self.integer(*value),
            Value::Real(value) => self.real(*value),
            Value::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.text(text),
                Err(_) => self.tuple(1).blob(bytes),
            },
            Value::Blob(bytes) => self.blob(bytes),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    /// What was written.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn sized(&mut self, kind: u8, length: usize) -> &mut Values {
        self.bytes.push(kind);
        self.bytes.extend(number(length));
        self
    }

    fn string(&mut self, kind: u8, value: &[u8]) -> &mut Values {
        self.sized(kind, value.len()).bytes.extend_from_slice(value);
        self
    }
}

/// Lengths are below 2 GiB: SQLite's own are (SQLITE_MAX_LENGTH).
fn number(length: usize) -> [u8; 4] {
    (length as u32).to_le_bytes()
}

/// The values of a tuple or list, or one value that stands alone.
///
/// # Errors
///
/// What is none of these: SQLITE_MISUSE; an int of more than 64 bits: SQLITE_RANGE; a str that is not Unicode: [`NOT_TEXT`].
pub fn values(bytes: &[u8]) -> Result<Vec<Value>, Failure> {
    let mut reader = Reader { bytes };
    let values = match bytes.first() {
        Some(b'(' | b'[') => reader.many(Reader::value)?,
        _ => vec![reader.value()?],
    };
    match reader.bytes {
        [] => Ok(values),
        _ => Err(malformed()),
    }
}

/// A list of tuples.
///
/// # Errors
///
/// As [`values`].
pub fn sets(bytes: &[u8]) -> Result<Vec<Vec<Value>>, Failure> {
    let mut reader = Reader { bytes };
    let sets = reader.many(|reader| reader.many(Reader::value))?;
    match reader.bytes {
        [] => Ok(sets),
        _ => Err(malformed()),
    }
}

fn malformed() -> Failure {
    Failure::misuse("the bytes are no values as marshal writes them")
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Failure> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| malformed())
    }

    fn length(&mut self) -> Result<usize, Failure> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    /// The members of a tuple or list.
    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
        let [b'(' | b'['] = self.array()? else {
            return Err(malformed());
        };
        let count = self.length()?;
        // Each has at least a byte.
        if count > self.bytes.len() {
            return Err(malformed());
        }
        (0..count).map(|_| one(self)).collect()
    }

    fn string(&mut self) -> Result<Vec<u8>, Failure> {
        let length = self.length()?;
        Ok(self.take(length)?.to_vec())
    }

    fn value(&mut self) -> Result<Value, Failure> {
        let [kind] = self.array()?;
        Ok(match kind {
            b'N' => Value::Null,
            b'T' => Value::Integer(1),
            b'F' => Value::Integer(0),
            b'i' => Value::Integer(i32::from_le_bytes(self.array()?).into()),
            b'l' => Value::Integer(self.long()?),
            b'g' => Value::Real(f64::from_le_bytes(self.array()?)),
            // Interned, or not.
            b't' | b'u' => {
                let text = self.string()?;
                // Halves of surrogate pairs, which a str may have.
                if std::str::from_utf8(&text).is_err() {
                    return Err(Failure::new(NOT_TEXT, "a str is not Unicode"));
                }
                Value::Text(text)
            }
            b's' => Value::Blob(self.string()?),
            _ => return Err(malformed()),
        })
    }

    fn long(&mut self) -> Result<i64, Failure> {
        let count = i32::from_le_bytes(self.array()?);
        let too_large = || {
            Failure::new(
                libsqlite3_sys::SQLITE_RANGE,
                "int too large to convert to SQLite INTEGER",
            )
        };
        if count.unsigned_abs() > 5 {
            return Err(too_large());
        }
        let mut sum = 0i128;
        for place in 0..count.unsigned_abs() {
            sum |= i128::from(u16::from_le_bytes(self.array()?) & 0x7fff) << (15 * place);
        }
        i64::try_from(if count < 0 { -sum } else { sum }).map_err(|_| too_large())
    }
}
