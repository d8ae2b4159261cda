// The A64 front end: decodes a block's instructions and lets the chapters emit their micro-ops.
using System.Runtime.CompilerServices;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Mode bits of A64 blocks (<see cref="CpuState.ModeKey"/>): everything outside of the instruction word that changes its translation.</summary>
[Flags]
public enum A64Mode : ulong
{
    /// <summary>EL0, nothing special.</summary>
    None = 0,

    /// <summary>Exception level, 2 bits.</summary>
    ExceptionLevel = 3,

    /// <summary>FP/SIMD instructions trap (CPACR_EL1.FPEN, CPTR_EL2, CPTR_EL3).</summary>
    FpTrapped = 4,

    /// <summary>SP alignment is checked at this EL (SCTLR_ELx.SA, SA0).</summary>
    CheckSp = 8,

    /// <summary>Software step is active (MDSCR_EL1.SS): one instruction a block.</summary>
    SoftwareStep = 16,

    /// <summary>Secure state.</summary>
    Secure = 32,

    /// <summary>SCTLR_ELx.A: all data accesses are alignment checked.</summary>
    CheckAlignment = 64,

    /// <summary>PSTATE.SP is 0 above EL0: SP_EL0 is the current stack pointer, and not accessible by its name.</summary>
    StackPointerEl0 = 256,

    /// <summary>Hardware breakpoints may match: one instruction a block.</summary>
    Breakpoints = 512,
}

/// <summary>Translates A64. One for each vCPU; used under the code cache's lock.</summary>
/// <remarks>
/// Chapters use <see cref="B"/> to emit. Register numbers become slots by <see cref="X"/> (31 reads as zero), <see cref="Xd"/> (31 is discarded),
/// <see cref="Sp"/> (31 is SP) and <see cref="V"/>.
/// </remarks>
public sealed unsafe partial class A64Translator
{
    /// <summary>Instructions of a block, at most.</summary>
    public const int MaximumInstructions = 64;

    /// <summary>Takes the micro-ops of the block in progress.</summary>
    public BlockBuilder B { get; private set; } = null!;

    /// <summary>Mode the block is translated for.</summary>
    public A64Mode Mode { get; private set; }

    /// <summary>Exception level the block runs at.</summary>
    public int ExceptionLevel => (int)(Mode & A64Mode.ExceptionLevel);

    /// <summary>Slot of Xn as a source; XZR reads as zero.</summary>
    public static ushort X(uint n) => (n & 31) == 31 ? CpuState.Zero : CpuState.Register((int)(n & 31));

    /// <summary>Slot of Xn as a destination; writes to XZR go nowhere.</summary>
    public static ushort Xd(uint n) => (n & 31) == 31 ? CpuState.Sink : CpuState.Register((int)(n & 31));

    /// <summary>Slot of Xn, 31 meaning SP.</summary>
    public static ushort Sp(uint n) => CpuState.Register((int)(n & 31));

    /// <summary>Slot of Vn.</summary>
    public static ushort V(uint n) => Arm64State.V((int)(n & 31));

    /// <summary>Bits high..low of a word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bits(uint word, int high, int low) => (word >> low) & (uint)((1UL << (high - low + 1)) - 1);

    /// <summary>One bit of a word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bit(uint word, int bit) => (word >> bit) & 1;

    /// <summary>Bits high..low of a word, sign-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long SignedBits(uint word, int high, int low) => (long)((ulong)word << (63 - high)) >> (63 - high + low);

    /// <summary>The 16-bit mask of NZCV values for which a condition holds (Arm ARM C1.2.4): the Aux of flag-reading micro-ops.</summary>
    public static uint ConditionMask(uint condition) => ConditionMasks[condition & 15];

    private static readonly ushort[] ConditionMasks = BuildConditionMasks();

    private static ushort[] BuildConditionMasks()
    {
        var masks = new ushort[16];
        for (uint flags = 0; flags < 16; flags++)
        {
            bool n = (flags & 8) != 0, z = (flags & 4) != 0, c = (flags & 2) != 0, v = (flags & 1) != 0;
            for (uint condition = 0; condition < 16; condition++)
            {
                var holds = (condition >> 1) switch
                {
                    0 => z,
                    1 => c,
                    2 => n,
                    3 => v,
                    4 => c && !z,
                    5 => n == v,
                    6 => n == v && !z,
                    _ => true,
                };
                if ((condition & 1) != 0 && condition != 15)
                {
                    holds = !holds;
                }

                if (holds)
                {
                    masks[condition] |= (ushort)(1 << (int)flags);
                }
            }
        }

        return masks;
    }

    /// <summary>Before a memory access whose base is SP: emits the alignment check, once a block as long as SP stays a multiple of 16 away.</summary>
    public void CheckSp(uint baseRegister)
    {
        if ((baseRegister & 31) == 31 && (Mode & A64Mode.CheckSp) != 0 && B.TranslatorState == 0)
        {
            B.TranslatorState = 1;
            B.Emit(MicroOpKind.CheckSp, a: Sp(31));
        }
    }

    /// <summary>SP was written with something other than SP plus a multiple of 16: the next access through it is checked again.</summary>
    public void SpChanged() => B.TranslatorState = 0;

    /// <summary>Translates a block.</summary>
    /// <param name="builder">Takes the micro-ops.</param>
    /// <param name="mode">Mode bits.</param>
    /// <param name="code">Guest bytes.</param>
    /// <param name="available">Bytes to the end of the page.</param>
    /// <param name="maximum">Instructions, at most.</param>
    public void TranslateBlock(BlockBuilder builder, A64Mode mode, byte* code, int available, int maximum)
    {
        B = builder;
        Mode = mode;
        maximum = Math.Min(maximum, (mode & (A64Mode.SoftwareStep | A64Mode.Breakpoints)) != 0 ? 1 : MaximumInstructions);
        for (var i = 0; ; i++)
        {
            var word = *(uint*)(code + (i * 4));
            B.NextInstruction(4);
            TranslateInstruction(word);
            if (B.Ended)
            {
                return;
            }

            if (i + 1 >= maximum || (i + 1) * 4 >= available || !B.HasRoom)
            {
                B.EndHere();
                return;
            }
        }
    }

    private void TranslateInstruction(uint word)
    {
        var row = A64Decoder.Decode(word);
        if (row is not { Status: A64RowStatus.Implemented } || (row.Required is { } feature && !Features.Has(feature)))
        {
            EmitUndefined();
        }
        else if (row.Fp && (Mode & A64Mode.FpTrapped) != 0)
        {
            EmitFpTrap(word);
        }
        else if (!row.Handler(this, word))
        {
            EmitUndefined();
        }
    }
}
