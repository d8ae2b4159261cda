// The encodings of the toy ISA: opcode in the low byte, then three operand bytes.
using Emu.Cpu.Ir;

namespace Emu.Cpu.Tests.Toy;

/// <summary>Operations of the toy ISA. Registers are X0 to X30, 31 is the stack pointer's slot.</summary>
public enum ToyOp : byte
{
    /// <summary>Undefined: faults.</summary>
    Undefined = 0,

    /// <summary>d = signed 16-bit immediate.</summary>
    MovI,

    /// <summary>d = a + b.</summary>
    Add,

    /// <summary>d = a + signed 8-bit immediate.</summary>
    AddI,

    /// <summary>d = a - b, flags.</summary>
    SubS,

    /// <summary>d = a - signed 8-bit immediate, flags.</summary>
    SubSI,

    /// <summary>d = [a + imm * 8].</summary>
    Load,

    /// <summary>[a + imm * 8] = d.</summary>
    Store,

    /// <summary>32-bit store.</summary>
    Store32,

    /// <summary>d = [a]; a += 8: two micro-ops, the write-back after the load.</summary>
    LoadPost,

    /// <summary>d, b = [a]; a += 16.</summary>
    LoadPairPost,

    /// <summary>[a], [a + 8] = d, b.</summary>
    StorePair,

    /// <summary>Jump by a signed 24-bit number of instructions.</summary>
    Jump,

    /// <summary>Condition number d: branch by a signed 16-bit number of instructions.</summary>
    BranchIf,

    /// <summary>Branch if d is zero.</summary>
    BranchZero,

    /// <summary>Branch if d is not zero.</summary>
    BranchNotZero,

    /// <summary>X30 = next instruction; jump.</summary>
    Call,

    /// <summary>Jump to register d.</summary>
    JumpReg,

    /// <summary>Waits for an interrupt (a helper that ends the block).</summary>
    Halt,

    /// <summary>Faults when register d is not zero (checked helper).</summary>
    FaultIf,

    /// <summary>d += 1 in a checked helper that asks to leave the block after the instruction.</summary>
    LeaveAfter,

    /// <summary>Pushes X30 on the stack slot and jumps: store, then jump, in one instruction.</summary>
    PushJump,

    /// <summary>Switches to the address space numbered by register d (a helper that ends the block).</summary>
    SetContext,

    /// <summary>As SetContext, but a checked helper that goes on.</summary>
    SetContextInside,

    /// <summary>Drops the translation of the page of register d (checked helper, leaves after).</summary>
    FlushPage,

    /// <summary>A micro-op list of the test: its number in the upper 24 bits.</summary>
    Custom = 255,
}

/// <summary>Assembles toy instructions.</summary>
public static class Asm
{
    /// <summary>Masks of the sixteen A64 conditions, in their order.</summary>
    public static readonly uint[] Conditions = BuildConditions();

    public static uint Op(ToyOp op, int d = 0, int a = 0, int b = 0) => (uint)op | ((uint)(byte)d << 8) | ((uint)(byte)a << 16) | ((uint)(byte)b << 24);

    public static uint MovI(int d, int value) => (uint)ToyOp.MovI | ((uint)d << 8) | ((uint)(ushort)(short)value << 16);

    public static uint Add(int d, int a, int b) => Op(ToyOp.Add, d, a, b);

    public static uint AddI(int d, int a, int value) => Op(ToyOp.AddI, d, a, value);

    public static uint SubSI(int d, int a, int value) => Op(ToyOp.SubSI, d, a, value);

    public static uint Load(int d, int a, int offset = 0) => Op(ToyOp.Load, d, a, offset);

    public static uint Store(int d, int a, int offset = 0) => Op(ToyOp.Store, d, a, offset);

    public static uint Store32(int d, int a, int offset = 0) => Op(ToyOp.Store32, d, a, offset);

    public static uint Jump(int instructions) => (uint)ToyOp.Jump | ((uint)instructions << 8);

    public static uint BranchIf(int condition, int instructions) => (uint)ToyOp.BranchIf | ((uint)condition << 8) | ((uint)(ushort)(short)instructions << 16);

    public static uint BranchZero(int d, int instructions) => (uint)ToyOp.BranchZero | ((uint)d << 8) | ((uint)(ushort)(short)instructions << 16);

    public static uint BranchNotZero(int d, int instructions) => (uint)ToyOp.BranchNotZero | ((uint)d << 8) | ((uint)(ushort)(short)instructions << 16);

    public static uint JumpReg(int d) => Op(ToyOp.JumpReg, d);

    public static uint Halt() => Op(ToyOp.Halt);

    public static uint Custom(int number) => (uint)ToyOp.Custom | ((uint)number << 8);

    private static uint[] BuildConditions()
    {
        var masks = new uint[16];
        for (var f = 0; f < 16; f++)
        {
            bool n = (f & 8) != 0, z = (f & 4) != 0, c = (f & 2) != 0, v = (f & 1) != 0;
            bool[] holds = [z, c, n, v, c && !z, n == v, n == v && !z, true];
            for (var i = 0; i < 8; i++)
            {
                masks[i * 2] |= holds[i] ? 1u << f : 0;
                masks[(i * 2) + 1] |= !holds[i] || i == 7 ? 1u << f : 0;
            }
        }

        return masks;
    }
}
