//! Literals of code: addresses with lengths, and short texts that were compiled into comparisons.

use wasmparser::{BinaryReaderError, FunctionBody, MemArg, Operator};

/// How many constants after an address may be the length of what lies there.
const LENGTHS: usize = 2;
/// Maximum number of instructions between the parts of one text.
const NEXT: usize = 8;
/// Maximum number of constants that are looked at.
const MOST: usize = 1 << 18;

/// What the code of a module mentions, in order.
#[derive(Default)]
pub(super) struct Code {
    pub(super) bytes: usize,
    mentions: Vec<Mention>,
    pub(super) sizes: Vec<u64>,
}

enum Mention {
    /// A number: an address, a length or anything else.
    Number(usize),
    /// What memory is compared with.
    Compared(Vec<u8>),
}

impl Code {
    pub(super) fn read(&mut self, body: &FunctionBody<'_>) -> Result<(), BinaryReaderError> {
        self.bytes += body.range().len();
        let mut reader = body.get_operators_reader()?;
        let mut reading = Reading::default();
        // The text that was begun, and how many instructions ago it was added to.
        let (mut begun, mut since) = (None, 0);
        while !reader.eof() && self.mentions.len() < MOST {
            let operator = reader.read()?;
            match operator {
                Operator::I32Const { value } => self.mentions.push(Mention::Number(value.cast_unsigned() as usize)),
                Operator::I64Const { value } => self.sizes.extend(u64::try_from(value).ok()),
                _ => {}
            }
            since += 1;
            let Some(Piece { at, bytes }) = reading.next(&operator) else { continue };
            if at == 0 {
                begun = Some(self.mentions.len());
                self.mentions.push(Mention::Compared(bytes));
                since = 0;
            } else if let Some(Mention::Compared(text)) = begun.and_then(|begun| self.mentions.get_mut(begun))
                && at <= text.len()
                && since <= NEXT
            {
                text.truncate(at);
                text.extend(bytes);
                since = 0;
            }
        }
        Ok(())
    }

    /// Returns the texts, each once for each place; `memory` reads a text that lies at an address.
    pub(super) fn texts(&self, memory: &impl Fn(usize, usize) -> Option<String>) -> Vec<String> {
        let mut texts = Vec::new();
        for (at, mention) in self.mentions.iter().enumerate() {
            match mention {
                Mention::Compared(bytes) => texts.extend(super::plain(bytes).map(str::to_owned)),
                Mention::Number(from) => {
                    let numbers = self.mentions[at + 1..].iter().take(LENGTHS).filter_map(|next| match next {
                        Mention::Number(length) if (2..=super::LONGEST).contains(length) => Some(*length),
                        Mention::Number(_) | Mention::Compared(_) => None,
                    });
                    texts.extend(numbers.filter_map(|length| memory(*from, length)));
                }
            }
        }
        texts
    }
}

/// A part of a text that memory is compared with, and where in the text it is.
///
/// Short texts are compared with loads of 1, 2, 4 or 8 bytes, each against a constant; two of them overlap where a length
/// is not a sum of these.
struct Piece {
    at: usize,
    bytes: Vec<u8>,
}

/// What the instructions before have done.
#[derive(Default)]
struct Reading {
    /// The constant of the last instruction.
    constant: Option<u64>,
    /// What was added to an address.
    added: u64,
    /// How many bytes were loaded by the last instruction, and how far behind the address.
    loaded: Option<(usize, u64)>,
}

impl Reading {
    /// Reads an instruction; returns a piece when it is the constant that memory is compared with.
    fn next(&mut self, operator: &Operator<'_>) -> Option<Piece> {
        let (before, loaded) = (self.constant.take(), self.loaded.take());
        match *operator {
            Operator::I32Const { value } => self.constant = Some(u64::from(value.cast_unsigned())),
            Operator::I64Const { value } => self.constant = Some(value.cast_unsigned()),
            Operator::I32Add => self.added = before.unwrap_or(0),
            _ => {
                self.loaded = load(operator)
                    .map(|(width, memory)| (width, memory.offset.saturating_add(std::mem::take(&mut self.added))));
            }
        }
        let (width, at) = loaded?;
        let bytes = self.constant?.to_le_bytes()[..width].to_vec();
        Some(Piece { at: usize::try_from(at).ok()?, bytes })
    }
}

fn load(operator: &Operator<'_>) -> Option<(usize, MemArg)> {
    Some(match *operator {
        Operator::I32Load8U { memarg } | Operator::I64Load8U { memarg } => (1, memarg),
        Operator::I32Load16U { memarg } | Operator::I64Load16U { memarg } => (2, memarg),
        Operator::I32Load { memarg } | Operator::I64Load32U { memarg } => (4, memarg),
        Operator::I64Load { memarg } => (8, memarg),
        _ => return None,
    })
}
