// What the micro-op CallVector computes, for engines that do it with the host's vectors.
namespace Emu.Cpu.Ir;

/// <summary>Bits 15:8 of C of <see cref="MicroOpKind.CallVector"/>: an operation on whole vectors, lane by lane, with the lane in bits 1:0 and 7.</summary>
[Flags]
public enum VectorOperation : byte
{
    /// <summary>None that engines know: the helper is called.</summary>
    None = 0,

    /// <summary>Bits 1:0: log2 of the lane's bytes.</summary>
    Size = 3,

    /// <summary>The lanes are signed.</summary>
    Signed = 0x80,

    /// <summary>D = A shifted left by Aux.</summary>
    ShiftLeft = 1 << 2,

    /// <summary>D = A shifted right by Aux, 1 to the lane's bits.</summary>
    ShiftRight = 2 << 2,

    /// <summary>D = D + (A shifted right by Aux).</summary>
    ShiftRightAccumulate = 3 << 2,

    /// <summary>D = A shifted left by Aux, the bits below of D.</summary>
    ShiftLeftInsert = 4 << 2,

    /// <summary>D = A shifted right by Aux, the bits above of D.</summary>
    ShiftRightInsert = 5 << 2,

    /// <summary>D = A * B.</summary>
    Multiply = 6 << 2,

    /// <summary>D = D + A * B.</summary>
    MultiplyAdd = 7 << 2,

    /// <summary>D = D - A * B.</summary>
    MultiplySubtract = 8 << 2,

    /// <summary>D = the greater of A and B.</summary>
    Maximum = 9 << 2,

    /// <summary>D = the lesser of A and B.</summary>
    Minimum = 10 << 2,

    /// <summary>All-ones where A is greater than B.</summary>
    Greater = 11 << 2,

    /// <summary>All-ones where A is not less than B.</summary>
    GreaterOrEqual = 12 << 2,

    /// <summary>All-ones where A and B have a bit in common.</summary>
    Test = 13 << 2,

    /// <summary>Bits of A where D has ones, of B where it has zeros.</summary>
    Select = 14 << 2,

    /// <summary>Bits of A where B has ones, of D where it has zeros.</summary>
    InsertIfTrue = 15 << 2,

    /// <summary>Bits of D where B has ones, of A where it has zeros.</summary>
    InsertIfFalse = 16 << 2,

    /// <summary>D = ~A.</summary>
    Not = 17 << 2,

    /// <summary>D = -A.</summary>
    Negate = 18 << 2,

    /// <summary>All-ones where A is 0.</summary>
    EqualZero = 19 << 2,
}
