// The flat vCPU with what vector tests add: fresh addresses for instructions, a page with alignment checks, micro-ops to look at.
using Emu.Cpu.Arm64.Tests.Support;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.Tests.Simd;

/// <summary>See the file's first line.</summary>
public sealed unsafe class SimdVcpu(FlatMachine machine) : FlatVcpu(machine)
{
    /// <summary>A page with alignment checks.</summary>
    public const ulong CheckedPage = FlatMachine.RamBase + 0xA_0000;

    private readonly BlockBuilder builder = new();
    private readonly A64Translator translator = new();
    private ulong code = FlatMachine.RamBase + 0xC_0000;

    /// <summary>Puts an instruction, followed by an UNDEFINED one, at an address not used before.</summary>
    public ulong Place(uint word)
    {
        var at = code;
        ((uint*)Machine.At(at))[0] = word;
        ((uint*)Machine.At(at))[1] = 0;
        code += 8;
        return at;
    }

    /// <summary>Runs the instruction at an address; false when it faulted.</summary>
    public bool Execute(ulong pc) => Execute(pc, 1) == FlatFault.None;

    /// <summary>Micro-ops the translator makes of an instruction, with the end of the block.</summary>
    public MicroOp[] Translate(uint word)
    {
        builder.Begin(0);
        translator.TranslateBlock(builder, Mode, (byte*)&word, 4, 1);
        return new ReadOnlySpan<MicroOp>(builder.Ops, builder.OpCount).ToArray();
    }

    /// <summary>The instruction is UNDEFINED: its only micro-op ends the block in a helper.</summary>
    public bool IsUndefined(uint word) => Translate(word)[0].Kind == MicroOpKind.CallEnd;

    /// <inheritdoc/>
    protected override bool Translate(ulong va, AccessKind kind, bool unprivileged, out Translation translation)
    {
        var mapped = base.Translate(va, kind, unprivileged, out translation);
        translation.Info |= (va & ~0xFFFUL) == CheckedPage ? TlbInfo.CheckAlignment : TlbInfo.None;
        return mapped;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        builder.Dispose();
        base.Dispose(disposing);
    }
}
