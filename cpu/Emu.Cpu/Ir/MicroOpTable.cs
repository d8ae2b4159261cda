// One row for each micro-op kind: which operands it reads and writes, whether it may fault or ends the block.
namespace Emu.Cpu.Ir;

/// <summary>Properties of a micro-op kind.</summary>
[Flags]
public enum MicroOpTraits : ushort
{
    /// <summary>No property.</summary>
    None = 0,

    /// <summary>Writes slot D.</summary>
    WritesD = 1,

    /// <summary>Reads slot D.</summary>
    ReadsD = 2,

    /// <summary>Reads slot A.</summary>
    ReadsA = 4,

    /// <summary>Reads slot B.</summary>
    ReadsB = 8,

    /// <summary>Reads slot C (elsewhere C is a small immediate).</summary>
    ReadsC = 16,

    /// <summary>Writes slot B (second register of a pair load).</summary>
    WritesB = 32,

    /// <summary>Reads the condition flags.</summary>
    ReadsFlags = 64,

    /// <summary>Writes the condition flags.</summary>
    WritesFlags = 128,

    /// <summary>May fault or leave the block: comes before its instruction's guest-visible writes.</summary>
    MayFault = 256,

    /// <summary>Ends the block.</summary>
    EndsBlock = 512,

    /// <summary>Calls a helper, which may read and write any slot.</summary>
    Helper = 1024,

    /// <summary>D, A and B are 16-byte slots, as far as they are used (the base and index of an address are 8-byte slots).</summary>
    Vector = 2048,
}

/// <summary>The rows.</summary>
public static class MicroOpTable
{
    private static readonly MicroOpTraits[] Rows = Build();

    /// <summary>Properties of a kind.</summary>
    public static MicroOpTraits Traits(MicroOpKind kind) => Rows[(int)kind];

    private static MicroOpTraits[] Build()
    {
        var rows = new MicroOpTraits[(int)MicroOpKind.Count];
        // Moves.
        rows[(int)MicroOpKind.MovI] = MicroOpTraits.WritesD;
        rows[(int)MicroOpKind.Mov64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Mov32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.LeaPc] = MicroOpTraits.WritesD;

        // Arithmetic.
        rows[(int)MicroOpKind.Add64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.AddI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Sub64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.AddShl64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.SubShl64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.Mul64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.MulAdd64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsC;
        rows[(int)MicroOpKind.MulSub64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsC;
        rows[(int)MicroOpKind.UDiv64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.SDiv64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.Adc64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.Sbc64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.Add32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.AddI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Sub32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.AddShl32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.SubShl32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.Mul32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.MulAdd32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsC;
        rows[(int)MicroOpKind.MulSub32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsC;
        rows[(int)MicroOpKind.UDiv32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.SDiv32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.Adc32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.Sbc32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.SMulAddL] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsC;
        rows[(int)MicroOpKind.SMulSubL] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsC;
        rows[(int)MicroOpKind.UMulAddL] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsC;
        rows[(int)MicroOpKind.UMulSubL] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsC;
        rows[(int)MicroOpKind.SMulH] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.UMulH] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;

        // Logic.
        rows[(int)MicroOpKind.And64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.AndI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Or64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.OrI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Xor64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.XorI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.AndNot64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.OrNot64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.XorNot64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.And32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.AndI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Or32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.OrI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Xor32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.XorI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.AndNot32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.OrNot32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.XorNot32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;

        // Shifts, bit fields.
        rows[(int)MicroOpKind.Shl64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.ShlI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Shr64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.ShrI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Sar64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.SarI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Ror64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.RorI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Extract64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.BitInsert64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsD;
        rows[(int)MicroOpKind.BitMove64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsD;
        rows[(int)MicroOpKind.SignedField64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Clz64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Cls64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.RBit64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Rev16In64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Shl32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.ShlI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Shr32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.ShrI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Sar32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.SarI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Ror32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.RorI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Extract32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.BitInsert32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsD;
        rows[(int)MicroOpKind.BitMove32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsD;
        rows[(int)MicroOpKind.SignedField32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Clz32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Cls32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.RBit32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Rev16In32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Rev64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Rev32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Rev32In64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.Field] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.FieldInZero] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.SExt8] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.SExt16] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.SExt32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.SExt8To32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.SExt16To32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA;

        // Flags (A64 NZCV) and what reads them.
        rows[(int)MicroOpKind.AddS64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AddSI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.SubS64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.SubSI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AndS64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AndSI64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AndNotS64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AdcS64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.SbcS64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CCmp64] = MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CCmpI64] = MicroOpTraits.ReadsA | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CCmn64] = MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CCmnI64] = MicroOpTraits.ReadsA | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.Select64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.SelectInc64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.SelectNot64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.SelectNeg64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.AddS32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AddSI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.SubS32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.SubSI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AndS32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AndSI32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AndNotS32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.AdcS32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.SbcS32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CCmp32] = MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CCmpI32] = MicroOpTraits.ReadsA | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CCmn32] = MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CCmnI32] = MicroOpTraits.ReadsA | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.Select32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.SelectInc32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.SelectNot32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.SelectNeg32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.GetFlags] = MicroOpTraits.WritesD | MicroOpTraits.ReadsFlags;
        rows[(int)MicroOpKind.SetFlags] = MicroOpTraits.ReadsA | MicroOpTraits.WritesFlags;

        // Memory.
        rows[(int)MicroOpKind.Ld8] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.Ld8X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.Ld16] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.Ld16X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.Ld32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.Ld32X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.Ld64] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.Ld64X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS8] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS8X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS16] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS16X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS32X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS8To32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS8To32X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS16To32] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdS16To32X] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV8] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV8X] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV16] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV16X] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV32] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV32X] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV64] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV64X] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV128] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdV128X] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St8] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St8X] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St16] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St16X] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St32] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St32X] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St64] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St64X] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St128] = MicroOpTraits.ReadsD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.St128X] = MicroOpTraits.ReadsD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdP32] = MicroOpTraits.WritesD | MicroOpTraits.WritesB | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdP64] = MicroOpTraits.WritesD | MicroOpTraits.WritesB | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdPV32] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.WritesB | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdPV64] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.WritesB | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdPV128] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.WritesB | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.StP32] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsB | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.StP64] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsB | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.StP128] = MicroOpTraits.ReadsD | MicroOpTraits.Vector | MicroOpTraits.ReadsB | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.LdUnprivileged] = MicroOpTraits.WritesD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.StUnprivileged] = MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.CheckAlignment] = MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.CheckSp] = MicroOpTraits.ReadsA | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.Fence] = MicroOpTraits.None;

        // Vectors.
        rows[(int)MicroOpKind.VMov] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.VMov64] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.VMovI] = MicroOpTraits.WritesD | MicroOpTraits.Vector;
        rows[(int)MicroOpKind.VMovI64] = MicroOpTraits.WritesD | MicroOpTraits.Vector;
        rows[(int)MicroOpKind.VAnd] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VOr] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VXor] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VAndNot] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VOrNot] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VAdd8] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VAdd16] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VAdd32] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VAdd64] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VSub8] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VSub16] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VSub32] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VSub64] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VDup8] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.VDup16] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.VDup32] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.VDup64] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA;
        rows[(int)MicroOpKind.VCmpEq8] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VCmpEq16] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VCmpEq32] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        rows[(int)MicroOpKind.VCmpEq64] = MicroOpTraits.WritesD | MicroOpTraits.Vector | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;

        // Helpers.
        rows[(int)MicroOpKind.Call] = MicroOpTraits.Helper | MicroOpTraits.WritesD | MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB;
        for (var kind = MicroOpKind.FAdd64; kind <= MicroOpKind.CallVector; kind++)
        {
            rows[(int)kind] = rows[(int)MicroOpKind.Call];
        }

        rows[(int)MicroOpKind.CallFlags] = MicroOpTraits.Helper | MicroOpTraits.WritesD | MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags;
        rows[(int)MicroOpKind.CallPure] = MicroOpTraits.Helper | MicroOpTraits.WritesD | MicroOpTraits.ReadsD | MicroOpTraits.ReadsA | MicroOpTraits.ReadsB | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.CallChecked] = MicroOpTraits.Helper | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags | MicroOpTraits.MayFault;
        rows[(int)MicroOpKind.CallEnd] = MicroOpTraits.Helper | MicroOpTraits.ReadsFlags | MicroOpTraits.WritesFlags | MicroOpTraits.MayFault | MicroOpTraits.EndsBlock;

        // Block ends.
        rows[(int)MicroOpKind.Jump] = MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.JumpReg] = MicroOpTraits.ReadsA | MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.BranchIf] = MicroOpTraits.ReadsFlags | MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.BranchZero64] = MicroOpTraits.ReadsA | MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.BranchNotZero64] = MicroOpTraits.ReadsA | MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.BranchZero32] = MicroOpTraits.ReadsA | MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.BranchNotZero32] = MicroOpTraits.ReadsA | MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.BranchBitSet] = MicroOpTraits.ReadsA | MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.BranchBitClear] = MicroOpTraits.ReadsA | MicroOpTraits.EndsBlock;
        rows[(int)MicroOpKind.EndScratch] = MicroOpTraits.EndsBlock;
        return rows;
    }
}
