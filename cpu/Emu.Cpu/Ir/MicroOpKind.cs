// The kinds of micro-ops; MicroOpTable has a row for each, in this order.
namespace Emu.Cpu.Ir;

/// <summary>What a micro-op does. Bare names work on 64 bits; 32 works on low halves and zero-extends.</summary>
public enum MicroOpKind : ushort
{
    // Moves.
    /// <summary>D = Imm.</summary>
    MovI,
    /// <summary>D = A.</summary>
    Mov64,
    /// <summary>D = zero-extended low half of A.</summary>
    Mov32,
    /// <summary>D = Pc + Imm.</summary>
    LeaPc,

    // Arithmetic.
    /// <summary>D = A + B.</summary>
    Add64,
    /// <summary>D = A + Imm.</summary>
    AddI64,
    /// <summary>D = A - B.</summary>
    Sub64,
    /// <summary>D = A + (B &lt;&lt; Aux).</summary>
    AddShl64,
    /// <summary>D = A - (B &lt;&lt; Aux).</summary>
    SubShl64,
    /// <summary>D = A * B.</summary>
    Mul64,
    /// <summary>D = C + A * B.</summary>
    MulAdd64,
    /// <summary>D = C - A * B.</summary>
    MulSub64,
    /// <summary>D = A / B unsigned, 0 when B is 0.</summary>
    UDiv64,
    /// <summary>D = A / B signed, 0 when B is 0, A when it overflows.</summary>
    SDiv64,
    /// <summary>D = A + B + carry.</summary>
    Adc64,
    /// <summary>D = A - B - !carry.</summary>
    Sbc64,
    /// <summary>D = A + B, 32 bits, zero-extended.</summary>
    Add32,
    /// <summary>D = A + Imm, 32 bits, zero-extended.</summary>
    AddI32,
    /// <summary>D = A - B, 32 bits, zero-extended.</summary>
    Sub32,
    /// <summary>D = A + (B &lt;&lt; Aux), 32 bits, zero-extended.</summary>
    AddShl32,
    /// <summary>D = A - (B &lt;&lt; Aux), 32 bits, zero-extended.</summary>
    SubShl32,
    /// <summary>D = A * B, 32 bits, zero-extended.</summary>
    Mul32,
    /// <summary>D = C + A * B, 32 bits, zero-extended.</summary>
    MulAdd32,
    /// <summary>D = C - A * B, 32 bits, zero-extended.</summary>
    MulSub32,
    /// <summary>D = A / B unsigned, 0 when B is 0, 32 bits, zero-extended.</summary>
    UDiv32,
    /// <summary>D = A / B signed, 0 when B is 0, A when it overflows, 32 bits, zero-extended.</summary>
    SDiv32,
    /// <summary>D = A + B + carry, 32 bits, zero-extended.</summary>
    Adc32,
    /// <summary>D = A - B - !carry, 32 bits, zero-extended.</summary>
    Sbc32,
    /// <summary>D = C + (sign-extended low halves) A * B.</summary>
    SMulAddL,
    /// <summary>D = C - (sign-extended low halves) A * B.</summary>
    SMulSubL,
    /// <summary>D = C + (zero-extended low halves) A * B.</summary>
    UMulAddL,
    /// <summary>D = C - (zero-extended low halves) A * B.</summary>
    UMulSubL,
    /// <summary>D = high half of the signed product.</summary>
    SMulH,
    /// <summary>D = high half of the unsigned product.</summary>
    UMulH,

    // Logic.
    /// <summary>D = A &amp; B.</summary>
    And64,
    /// <summary>D = A &amp; Imm.</summary>
    AndI64,
    /// <summary>D = A | B.</summary>
    Or64,
    /// <summary>D = A | Imm.</summary>
    OrI64,
    /// <summary>D = A ^ B.</summary>
    Xor64,
    /// <summary>D = A ^ Imm.</summary>
    XorI64,
    /// <summary>D = A &amp; ~B.</summary>
    AndNot64,
    /// <summary>D = A | ~B.</summary>
    OrNot64,
    /// <summary>D = A ^ ~B.</summary>
    XorNot64,
    /// <summary>D = A &amp; B, 32 bits, zero-extended.</summary>
    And32,
    /// <summary>D = A &amp; Imm, 32 bits, zero-extended.</summary>
    AndI32,
    /// <summary>D = A | B, 32 bits, zero-extended.</summary>
    Or32,
    /// <summary>D = A | Imm, 32 bits, zero-extended.</summary>
    OrI32,
    /// <summary>D = A ^ B, 32 bits, zero-extended.</summary>
    Xor32,
    /// <summary>D = A ^ Imm, 32 bits, zero-extended.</summary>
    XorI32,
    /// <summary>D = A &amp; ~B, 32 bits, zero-extended.</summary>
    AndNot32,
    /// <summary>D = A | ~B, 32 bits, zero-extended.</summary>
    OrNot32,
    /// <summary>D = A ^ ~B, 32 bits, zero-extended.</summary>
    XorNot32,

    // Shifts, bit fields.
    /// <summary>D = A &lt;&lt; B (modulo the width).</summary>
    Shl64,
    /// <summary>D = A &lt;&lt; Aux.</summary>
    ShlI64,
    /// <summary>D = A &gt;&gt; B unsigned (modulo the width).</summary>
    Shr64,
    /// <summary>D = A &gt;&gt; Aux unsigned.</summary>
    ShrI64,
    /// <summary>D = A &gt;&gt; B signed (modulo the width).</summary>
    Sar64,
    /// <summary>D = A &gt;&gt; Aux signed.</summary>
    SarI64,
    /// <summary>D = A rotated right by B (modulo the width).</summary>
    Ror64,
    /// <summary>D = A rotated right by Aux.</summary>
    RorI64,
    /// <summary>D = low part of A:B &gt;&gt; Aux, 0 &lt; Aux &lt; width.</summary>
    Extract64,
    /// <summary>D = (D &amp; ~Imm) | ((A &lt;&lt; C) &amp; Imm).</summary>
    BitInsert64,
    /// <summary>D = (D &amp; ~Imm) | ((A &gt;&gt; C) &amp; Imm).</summary>
    BitMove64,
    /// <summary>D = (A &lt;&lt; C) &gt;&gt; Aux, signed.</summary>
    SignedField64,
    /// <summary>D = leading zeros of A.</summary>
    Clz64,
    /// <summary>D = leading sign bits of A, the sign not counted.</summary>
    Cls64,
    /// <summary>D = A with its bits reversed.</summary>
    RBit64,
    /// <summary>D = A with the bytes of each 16 bits reversed.</summary>
    Rev16In64,
    /// <summary>D = A &lt;&lt; B (modulo the width), 32 bits, zero-extended.</summary>
    Shl32,
    /// <summary>D = A &lt;&lt; Aux, 32 bits, zero-extended.</summary>
    ShlI32,
    /// <summary>D = A &gt;&gt; B unsigned (modulo the width), 32 bits, zero-extended.</summary>
    Shr32,
    /// <summary>D = A &gt;&gt; Aux unsigned, 32 bits, zero-extended.</summary>
    ShrI32,
    /// <summary>D = A &gt;&gt; B signed (modulo the width), 32 bits, zero-extended.</summary>
    Sar32,
    /// <summary>D = A &gt;&gt; Aux signed, 32 bits, zero-extended.</summary>
    SarI32,
    /// <summary>D = A rotated right by B (modulo the width), 32 bits, zero-extended.</summary>
    Ror32,
    /// <summary>D = A rotated right by Aux, 32 bits, zero-extended.</summary>
    RorI32,
    /// <summary>D = low part of A:B &gt;&gt; Aux, 0 &lt; Aux &lt; width, 32 bits, zero-extended.</summary>
    Extract32,
    /// <summary>D = (D &amp; ~Imm) | ((A &lt;&lt; C) &amp; Imm), 32 bits, zero-extended.</summary>
    BitInsert32,
    /// <summary>D = (D &amp; ~Imm) | ((A &gt;&gt; C) &amp; Imm), 32 bits, zero-extended.</summary>
    BitMove32,
    /// <summary>D = (A &lt;&lt; C) &gt;&gt; Aux, signed, 32 bits, zero-extended.</summary>
    SignedField32,
    /// <summary>D = leading zeros of A, 32 bits, zero-extended.</summary>
    Clz32,
    /// <summary>D = leading sign bits of A, the sign not counted, 32 bits, zero-extended.</summary>
    Cls32,
    /// <summary>D = A with its bits reversed, 32 bits, zero-extended.</summary>
    RBit32,
    /// <summary>D = A with the bytes of each 16 bits reversed, 32 bits, zero-extended.</summary>
    Rev16In32,
    /// <summary>D = A with its bytes reversed.</summary>
    Rev64,
    /// <summary>D = low half of A with its bytes reversed, zero-extended.</summary>
    Rev32,
    /// <summary>D = A with the bytes of each 32 bits reversed.</summary>
    Rev32In64,
    /// <summary>D = (A &gt;&gt; C) &amp; Imm.</summary>
    Field,
    /// <summary>D = (A &amp; Imm) &lt;&lt; C.</summary>
    FieldInZero,
    /// <summary>D = sign-extended byte of A.</summary>
    SExt8,
    /// <summary>D = sign-extended low 16 bits of A.</summary>
    SExt16,
    /// <summary>D = sign-extended low half of A.</summary>
    SExt32,
    /// <summary>D = sign-extended byte of A, 32 bits, zero-extended.</summary>
    SExt8To32,
    /// <summary>D = sign-extended low 16 bits of A, 32 bits, zero-extended.</summary>
    SExt16To32,

    // Flags (A64 NZCV) and what reads them; Aux = 16-bit mask of the flag values for which a condition holds.
    /// <summary>D = A + B, sets flags.</summary>
    AddS64,
    /// <summary>D = A + Imm, sets flags.</summary>
    AddSI64,
    /// <summary>D = A - B, sets flags.</summary>
    SubS64,
    /// <summary>D = A - Imm, sets flags.</summary>
    SubSI64,
    /// <summary>D = A &amp; B, sets flags.</summary>
    AndS64,
    /// <summary>D = A &amp; Imm, sets flags.</summary>
    AndSI64,
    /// <summary>D = A &amp; ~B, sets flags.</summary>
    AndNotS64,
    /// <summary>D = A + B + carry, sets flags.</summary>
    AdcS64,
    /// <summary>D = A - B - !carry, sets flags.</summary>
    SbcS64,
    /// <summary>flags = condition ? flags of A - B : C.</summary>
    CCmp64,
    /// <summary>flags = condition ? flags of A - Imm : C.</summary>
    CCmpI64,
    /// <summary>flags = condition ? flags of A + B : C.</summary>
    CCmn64,
    /// <summary>flags = condition ? flags of A + Imm : C.</summary>
    CCmnI64,
    /// <summary>D = condition ? A : B.</summary>
    Select64,
    /// <summary>D = condition ? A : B + 1.</summary>
    SelectInc64,
    /// <summary>D = condition ? A : ~B.</summary>
    SelectNot64,
    /// <summary>D = condition ? A : -B.</summary>
    SelectNeg64,
    /// <summary>D = A + B, sets flags, 32 bits, zero-extended.</summary>
    AddS32,
    /// <summary>D = A + Imm, sets flags, 32 bits, zero-extended.</summary>
    AddSI32,
    /// <summary>D = A - B, sets flags, 32 bits, zero-extended.</summary>
    SubS32,
    /// <summary>D = A - Imm, sets flags, 32 bits, zero-extended.</summary>
    SubSI32,
    /// <summary>D = A &amp; B, sets flags, 32 bits, zero-extended.</summary>
    AndS32,
    /// <summary>D = A &amp; Imm, sets flags, 32 bits, zero-extended.</summary>
    AndSI32,
    /// <summary>D = A &amp; ~B, sets flags, 32 bits, zero-extended.</summary>
    AndNotS32,
    /// <summary>D = A + B + carry, sets flags, 32 bits, zero-extended.</summary>
    AdcS32,
    /// <summary>D = A - B - !carry, sets flags, 32 bits, zero-extended.</summary>
    SbcS32,
    /// <summary>flags = condition ? flags of A - B : C, 32 bits, zero-extended.</summary>
    CCmp32,
    /// <summary>flags = condition ? flags of A - Imm : C, 32 bits, zero-extended.</summary>
    CCmpI32,
    /// <summary>flags = condition ? flags of A + B : C, 32 bits, zero-extended.</summary>
    CCmn32,
    /// <summary>flags = condition ? flags of A + Imm : C, 32 bits, zero-extended.</summary>
    CCmnI32,
    /// <summary>D = condition ? A : B, 32 bits, zero-extended.</summary>
    Select32,
    /// <summary>D = condition ? A : B + 1, 32 bits, zero-extended.</summary>
    SelectInc32,
    /// <summary>D = condition ? A : ~B, 32 bits, zero-extended.</summary>
    SelectNot32,
    /// <summary>D = condition ? A : -B, 32 bits, zero-extended.</summary>
    SelectNeg32,
    /// <summary>D = flags &lt;&lt; 28.</summary>
    GetFlags,
    /// <summary>flags = (A &gt;&gt; 28) &amp; 15.</summary>
    SetFlags,

    // Memory: address = A + Imm; indexed (X) forms A + (B << C) + Imm. Stores read D.
    /// <summary>D = load, zero-extended.</summary>
    Ld8,
    /// <summary>D = indexed load, zero-extended.</summary>
    Ld8X,
    /// <summary>D = load, zero-extended.</summary>
    Ld16,
    /// <summary>D = indexed load, zero-extended.</summary>
    Ld16X,
    /// <summary>D = load, zero-extended.</summary>
    Ld32,
    /// <summary>D = indexed load, zero-extended.</summary>
    Ld32X,
    /// <summary>D = load, 64 bits.</summary>
    Ld64,
    /// <summary>D = indexed load, 64 bits.</summary>
    Ld64X,
    /// <summary>D = load, sign-extended.</summary>
    LdS8,
    /// <summary>D = indexed load, sign-extended.</summary>
    LdS8X,
    /// <summary>D = load, sign-extended.</summary>
    LdS16,
    /// <summary>D = indexed load, sign-extended.</summary>
    LdS16X,
    /// <summary>D = load, sign-extended.</summary>
    LdS32,
    /// <summary>D = indexed load, sign-extended.</summary>
    LdS32X,
    /// <summary>D = load, sign-extended to 32 bits.</summary>
    LdS8To32,
    /// <summary>D = indexed load, sign-extended to 32 bits.</summary>
    LdS8To32X,
    /// <summary>D = load, sign-extended to 32 bits.</summary>
    LdS16To32,
    /// <summary>D = indexed load, sign-extended to 32 bits.</summary>
    LdS16To32X,
    /// <summary>vector D = load of 8 bits, upper bits zero.</summary>
    LdV8,
    /// <summary>vector D = indexed load of 8 bits, upper bits zero.</summary>
    LdV8X,
    /// <summary>vector D = load of 16 bits, upper bits zero.</summary>
    LdV16,
    /// <summary>vector D = indexed load of 16 bits, upper bits zero.</summary>
    LdV16X,
    /// <summary>vector D = load of 32 bits, upper bits zero.</summary>
    LdV32,
    /// <summary>vector D = indexed load of 32 bits, upper bits zero.</summary>
    LdV32X,
    /// <summary>vector D = load of 64 bits, upper bits zero.</summary>
    LdV64,
    /// <summary>vector D = indexed load of 64 bits, upper bits zero.</summary>
    LdV64X,
    /// <summary>vector D = load of 128 bits.</summary>
    LdV128,
    /// <summary>vector D = indexed load of 128 bits.</summary>
    LdV128X,
    /// <summary>store low 8 bits of D.</summary>
    St8,
    /// <summary>indexed store of the low 8 bits of D.</summary>
    St8X,
    /// <summary>store low 16 bits of D.</summary>
    St16,
    /// <summary>indexed store of the low 16 bits of D.</summary>
    St16X,
    /// <summary>store low 32 bits of D.</summary>
    St32,
    /// <summary>indexed store of the low 32 bits of D.</summary>
    St32X,
    /// <summary>store low 64 bits of D.</summary>
    St64,
    /// <summary>indexed store of the low 64 bits of D.</summary>
    St64X,
    /// <summary>store vector D.</summary>
    St128,
    /// <summary>indexed store of vector D.</summary>
    St128X,
    /// <summary>D, B = two words, zero-extended.</summary>
    LdP32,
    /// <summary>D, B = two doublewords.</summary>
    LdP64,
    /// <summary>vectors D, B = two words, upper bits zero.</summary>
    LdPV32,
    /// <summary>vectors D, B = two doublewords, upper bits zero.</summary>
    LdPV64,
    /// <summary>vectors D, B = two quadwords.</summary>
    LdPV128,
    /// <summary>store low halves of D and B.</summary>
    StP32,
    /// <summary>store D and B.</summary>
    StP64,
    /// <summary>store vectors D and B.</summary>
    StP128,
    /// <summary>D = load with EL0 permissions; Aux = log2 of bytes | 4 sign-extend | 8 to 32 bits.</summary>
    LdUnprivileged,
    /// <summary>store with EL0 permissions; Aux = log2 of bytes.</summary>
    StUnprivileged,
    /// <summary>faults when (A + Imm) &amp; Aux is not zero.</summary>
    CheckAlignment,
    /// <summary>faults when A is not 16-byte aligned (SP alignment).</summary>
    CheckSp,
    /// <summary>full memory barrier between vCPUs.</summary>
    Fence,

    // Vectors: D, A, B are 16-byte slots.
    /// <summary>D = A.</summary>
    VMov,
    /// <summary>D = low half of A, upper half zero.</summary>
    VMov64,
    /// <summary>both halves of D = Imm.</summary>
    VMovI,
    /// <summary>D = Imm, upper half zero.</summary>
    VMovI64,
    /// <summary>D = A &amp; B.</summary>
    VAnd,
    /// <summary>D = A | B.</summary>
    VOr,
    /// <summary>D = A ^ B.</summary>
    VXor,
    /// <summary>D = A &amp; ~B.</summary>
    VAndNot,
    /// <summary>D = A | ~B.</summary>
    VOrNot,
    /// <summary>D = A + B, lanes of 8 bits.</summary>
    VAdd8,
    /// <summary>D = A + B, lanes of 16 bits.</summary>
    VAdd16,
    /// <summary>D = A + B, lanes of 32 bits.</summary>
    VAdd32,
    /// <summary>D = A + B, lanes of 64 bits.</summary>
    VAdd64,
    /// <summary>D = A - B, lanes of 8 bits.</summary>
    VSub8,
    /// <summary>D = A - B, lanes of 16 bits.</summary>
    VSub16,
    /// <summary>D = A - B, lanes of 32 bits.</summary>
    VSub32,
    /// <summary>D = A - B, lanes of 64 bits.</summary>
    VSub64,
    /// <summary>all lanes of D = low 8 bits of A.</summary>
    VDup8,
    /// <summary>all lanes of D = low 16 bits of A.</summary>
    VDup16,
    /// <summary>all lanes of D = low 32 bits of A.</summary>
    VDup32,
    /// <summary>all lanes of D = low 64 bits of A.</summary>
    VDup64,
    /// <summary>lanes of 8 bits: all-ones where A equals B.</summary>
    VCmpEq8,
    /// <summary>lanes of 16 bits: all-ones where A equals B.</summary>
    VCmpEq16,
    /// <summary>lanes of 32 bits: all-ones where A equals B.</summary>
    VCmpEq32,
    /// <summary>lanes of 64 bits: all-ones where A equals B.</summary>
    VCmpEq64,

    // Helpers: Imm = address of a static method (CpuState*, MicroOp*).
    /// <summary>void helper: cannot fault or leave the block; reads slots D, A, B and C and writes D, vector and FP state, nothing else.</summary>
    Call,
    /// <summary>as Call; reads or writes the condition flags.</summary>
    CallFlags,
    /// <summary>as Call, for D = A + B of doubles, the rest of the vector zero: engines may add on the host where the result and the status are provably the same.</summary>
    FAdd64,
    /// <summary>as FAdd64: A - B.</summary>
    FSub64,
    /// <summary>as FAdd64: A * B.</summary>
    FMul64,
    /// <summary>as FAdd64: A / B.</summary>
    FDiv64,
    /// <summary>as FAdd64: C + A * B, rounded once.</summary>
    FMulAdd64,
    /// <summary>as FAdd64: C - A * B, rounded once.</summary>
    FMulSub64,
    /// <summary>as FAdd64, of singles.</summary>
    FAdd32,
    /// <summary>as FSub64, of singles.</summary>
    FSub32,
    /// <summary>as FMul64, of singles.</summary>
    FMul32,
    /// <summary>as FDiv64, of singles.</summary>
    FDiv32,
    /// <summary>as FMulAdd64, of singles.</summary>
    FMulAdd32,
    /// <summary>as FMulSub64, of singles.</summary>
    FMulSub32,
    /// <summary>as FAdd64, lane by lane on whole vectors; C is a VectorFloatOperation (multiply-add: D = D + A * B), no slot.</summary>
    FVector,
    /// <summary>as Call; C is no slot: bytes of the result in bits 7:0, in bits 15:8 a VectorOperation that computes D, the bytes above the result zero.</summary>
    CallVector,
    /// <summary>as Call, but returns a Status: Continue, or a fault with nothing changed (it may be run again for the same fault).</summary>
    CallPure,
    /// <summary>int helper: returns a Status.</summary>
    CallChecked,
    /// <summary>int helper that ends the block; Pc is advanced by C bytes first, to the next instruction.</summary>
    CallEnd,

    // Block ends: Imm = offset from Pc; C bit 0: exit 0 may be linked, bit 1: exit 1 may be linked.
    /// <summary>go to Pc + Imm by exit 0; Aux is a <see cref="BranchHint"/>.</summary>
    Jump,
    /// <summary>go to A; Aux = type of jump, 0 to 3: what the guest ISA lets in at the target (A64: PSTATE.BTYPE); Imm is a <see cref="BranchHint"/>, a return of type 0.</summary>
    JumpReg,
    /// <summary>condition in Aux: go to Pc + Imm by exit 1, else to the next instruction by exit 0.</summary>
    BranchIf,
    /// <summary>A is 0: exit 1, else exit 0.</summary>
    BranchZero64,
    /// <summary>A is not 0: exit 1, else exit 0.</summary>
    BranchNotZero64,
    /// <summary>A is 0: exit 1, else exit 0.</summary>
    BranchZero32,
    /// <summary>A is not 0: exit 1, else exit 0.</summary>
    BranchNotZero32,
    /// <summary>bit Aux of A is set: exit 1, else exit 0.</summary>
    BranchBitSet,
    /// <summary>bit Aux of A is clear: exit 1, else exit 0.</summary>
    BranchBitClear,
    /// <summary>end of the scratch micro-ops that finish an instruction: leave the block to Pc + Imm.</summary>
    EndScratch,

    /// <summary>Number of kinds.</summary>
    Count,
}
