//! What it takes to compile one function.

use std::collections::BTreeSet;

use wasmparser::{
    BinaryReaderError, BlockType, ContType, FrameKind, FuncType, FunctionBody, ModuleArity, Operator, RefType, SubType,
};

/// What the code of a module refers to.
#[derive(Default)]
pub(super) struct Module {
    pub(super) types: Vec<SubType>,
    /// The index of each function's type, imported functions first.
    pub(super) functions: Vec<u32>,
    pub(super) imported: usize,
    /// How many bodies have been read.
    bodies: usize,
}

/// The cost of one function. The weights come from timing the shapes of `bound/tests.rs`, each at several sizes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Instructions, with all values that they take and give.
    pub(super) instructions: u64,
    /// Basic blocks beyond the first; the time that register allocation takes grows with their square.
    pub(super) branches: u64,
    /// Loops, each counted as often as it is deep: its head begins with a copy of every local variable, of those around it
    /// too, whether it changes or not.
    loops: u64,
    /// Parameters and local variables.
    locals: u64,
    /// The height of the operand stack at its largest.
    height: u64,
}

impl Cost {
    /// Returns how many copies of values there may be where branches meet.
    pub(super) fn flow(&self) -> u64 {
        (self.branches + 4 * self.loops).saturating_mul(self.locals + self.height)
    }

    /// Returns the cost in units of instructions; an empty function costs a hundred.
    pub(super) fn total(&self) -> u64 {
        100 + self.instructions + self.flow() / 16 + self.branches.saturating_mul(self.branches) / 600
    }
}

/// A block that is open.
struct Frame {
    of_type: BlockType,
    kind: FrameKind,
    /// The height of the operand stack below it.
    base: u64,
}

/// A body that is being read; it answers what [`Operator::operator_arity`] asks.
struct Body<'a> {
    module: &'a Module,
    open: Vec<Frame>,
    height: u64,
    /// How many loops are open.
    loops: u64,
    cost: Cost,
}

impl ModuleArity for Body<'_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.module.types.get(index as usize)
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, index: u32) -> Option<u32> {
        self.module.functions.get(index as usize).copied()
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(u32::MAX)
    }

    fn label_block(&self, depth: u32) -> Option<(BlockType, FrameKind)> {
        let at = self.open.len().checked_sub(1)?.checked_sub(depth as usize)?;
        self.open.get(at).map(|frame| (frame.of_type, frame.kind))
    }
}

impl Module {
    /// Measures the next body of the code section; returns the index of its function, too.
    pub(super) fn next_body(&mut self, code: &FunctionBody<'_>) -> Result<(usize, Cost), BinaryReaderError> {
        let index = self.imported + self.bodies;
        self.bodies += 1;
        let of_type = self.functions.get(index).copied().unwrap_or(u32::MAX);
        let whole = Frame { of_type: BlockType::FuncType(of_type), kind: FrameKind::Block, base: 0 };
        let mut body = Body { module: self, open: Vec::new(), height: 0, loops: 0, cost: Cost::default() };
        let (params, results) = body.block_type_arity(whole.of_type).unwrap_or((0, 0));
        body.open.push(whole);
        body.cost.locals = u64::from(params);
        body.cost.instructions = u64::from(params) + u64::from(results);
        for local in code.get_locals_reader()? {
            body.cost.locals += u64::from(local?.0);
        }
        let mut operators = code.get_operators_reader()?;
        while !operators.eof() && !body.open.is_empty() {
            body.read(&operators.read()?)?;
        }
        Ok((index, body.cost))
    }
}

impl Body<'_> {
    fn read(&mut self, operator: &Operator<'_>) -> Result<(), BinaryReaderError> {
        // What has no arity here is invalid or of a proposal that is switched off: the engine stops at it.
        let (takes, gives) = operator.operator_arity(self).unwrap_or((0, 0));
        let (takes, gives) = (u64::from(takes), u64::from(gives));
        self.cost.instructions += weight(operator, takes + gives);
        let below = self.height.saturating_sub(takes);
        self.height = below + gives;
        match operator {
            Operator::Block { blockty } => self.enter(*blockty, FrameKind::Block, below, 1),
            Operator::Loop { blockty } => {
                self.enter(*blockty, FrameKind::Loop, below, 1);
                self.loops += 1;
                self.cost.loops += self.loops;
            }
            Operator::If { blockty } => self.enter(*blockty, FrameKind::If, below, 2),
            Operator::Else => {
                self.cost.branches += 1;
                self.height = self.open.last().map_or(0, |frame| frame.base) + gives;
            }
            Operator::End => {
                let closed = self.open.pop();
                self.loops -= u64::from(closed.as_ref().is_some_and(|frame| frame.kind == FrameKind::Loop));
                self.height = closed.map_or(0, |frame| frame.base) + gives;
            }
            // The target and what follows; a call through a table looks first whether the entry is there.
            Operator::BrIf { .. } | Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => {
                self.cost.branches += 2;
            }
            Operator::BrTable { targets } => {
                let distinct = targets.targets().collect::<Result<BTreeSet<u32>, _>>()?.len() as u64;
                self.cost.branches += 1 + distinct;
                self.cost.instructions += u64::from(targets.len()) + distinct * takes;
            }
            _ => {}
        }
        self.cost.height = self.cost.height.max(self.height);
        Ok(())
    }

    fn enter(&mut self, of_type: BlockType, kind: FrameKind, base: u64, branches: u64) {
        self.cost.branches += branches;
        self.open.push(Frame { of_type, kind, base });
    }
}

/// Returns what an instruction weighs that takes and gives this many values.
fn weight(operator: &Operator<'_>, values: u64) -> u64 {
    /// More values than registers.
    const MANY: u64 = 16;
    let memory = u64::from(is_memory(operator)) * 2;
    let call = match operator {
        Operator::Call { .. }
        | Operator::CallIndirect { .. }
        | Operator::ReturnCall { .. }
        | Operator::ReturnCallIndirect { .. } => 8,
        _ => 0,
    };
    let spilled = if values > MANY { 9 * values } else { 0 };
    1 + values + memory + call + spilled
}

const fn is_memory(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32Load { .. }
            | Operator::I64Load { .. }
            | Operator::F32Load { .. }
            | Operator::F64Load { .. }
            | Operator::I32Load8S { .. }
            | Operator::I32Load8U { .. }
            | Operator::I32Load16S { .. }
            | Operator::I32Load16U { .. }
            | Operator::I64Load8S { .. }
            | Operator::I64Load8U { .. }
            | Operator::I64Load16S { .. }
            | Operator::I64Load16U { .. }
            | Operator::I64Load32S { .. }
            | Operator::I64Load32U { .. }
            | Operator::I32Store { .. }
            | Operator::I64Store { .. }
            | Operator::F32Store { .. }
            | Operator::F64Store { .. }
            | Operator::I32Store8 { .. }
            | Operator::I32Store16 { .. }
            | Operator::I64Store8 { .. }
            | Operator::I64Store16 { .. }
            | Operator::I64Store32 { .. }
    )
}
