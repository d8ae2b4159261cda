// A vCPU for vector instruction tests: identity mapping over one RAM region, faults recorded instead of taken.
using Emu.Core;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.Tests.Simd;

/// <summary>RAM and what the vCPU shares with nobody.</summary>
public sealed unsafe class SimdMachine : IDisposable
{
    /// <summary>Start of RAM.</summary>
    public const ulong RamBase = 0x4000_0000;

    /// <summary>Bytes of RAM.</summary>
    public const ulong RamSize = 0x20_0000;

    /// <summary>A page whose accesses fault.</summary>
    public const ulong HolePage = RamBase + 0x8_0000;

    /// <summary>A page that can be read and not written.</summary>
    public const ulong ReadOnlyPage = RamBase + 0x9_0000;

    /// <summary>A page with alignment checks.</summary>
    public const ulong CheckedPage = RamBase + 0xA_0000;

    private readonly HostMemory ram = new(RamSize);

    /// <summary>Creates it.</summary>
    public SimdMachine()
    {
        Memory = new PhysicalAddressSpace(Log.Null);
        Memory.AddRam("ram", RamBase, RamSize, ram.Pointer);
        Shared = new VcpuShared(Memory, 8 << 20);
    }

    /// <summary>The map.</summary>
    public PhysicalAddressSpace Memory { get; }

    /// <summary>Shared parts.</summary>
    public VcpuShared Shared { get; }

    /// <summary>Host address of a guest address.</summary>
    public byte* At(ulong pa) => ram.Pointer + (pa - RamBase);

    /// <inheritdoc/>
    public void Dispose()
    {
        Shared.Dispose();
        Memory.Dispose();
        ram.Dispose();
    }
}

/// <summary>See the file's first line.</summary>
public sealed unsafe class SimdVcpu : Vcpu, IA64Exceptions
{
    private readonly A64Translator translator = new();
    private readonly SimdMachine machine;
    private ulong code = SimdMachine.RamBase + 0x10_0000;

    /// <summary>Creates a vCPU at EL1.</summary>
    public SimdVcpu(SimdMachine machine)
        : base(0, Arm64State.Size, machine.Shared)
    {
        this.machine = machine;
        State->ModeKey = 1;
        State->Tlb = State->TlbUnprivileged = Tlb.Select(new TlbContext(1, 0, 0), out _).Pointer;
    }

    /// <inheritdoc/>
    public void RecordException(int exceptionClass, uint iss) => Faulted = true;

    /// <inheritdoc/>
    public void RecordUnsupportedExclusive(ulong va, bool write) => Faulted = true;

    /// <summary>A64 state.</summary>
    public Arm64State* A64 => (Arm64State*)State;

    /// <summary>The last instruction faulted or was UNDEFINED.</summary>
    public bool Faulted { get; private set; }

    /// <summary>Address of the last data fault.</summary>
    public ulong FaultAddress { get; private set; }

    /// <summary>General register.</summary>
    public ref ulong X(int n) => ref ((ulong*)State)[n];

    /// <summary>Vector register.</summary>
    public ref UInt128 V(int n) => ref *(UInt128*)((byte*)State + Arm64State.V(n));

    /// <summary>Puts an instruction, followed by an UNDEFINED one, at an address not used before.</summary>
    public ulong Place(uint word)
    {
        var at = code;
        ((uint*)machine.At(at))[0] = word;
        ((uint*)machine.At(at))[1] = 0;
        code += 8;
        return at;
    }

    /// <summary>Runs the instruction at an address; false when it faulted or was UNDEFINED.</summary>
    public bool Execute(ulong pc)
    {
        Faulted = false;
        State->Pc = pc;
        Run(State->Retired + 1);
        return !Faulted;
    }

    /// <summary>Micro-ops the translator makes of an instruction, without the block's end.</summary>
    public MicroOp[] Translate(uint word)
    {
        using var builder = new BlockBuilder();
        builder.Begin(0);
        translator.TranslateBlock(builder, (A64Mode)State->ModeKey, (byte*)&word, 4, 1);
        return new ReadOnlySpan<MicroOp>(builder.Ops, builder.OpCount - 1).ToArray();
    }

    /// <inheritdoc/>
    public override string SnapshotName => "simd";

    /// <inheritdoc/>
    public override bool VariableLengthInstructions => false;

    /// <inheritdoc/>
    public override bool CodeWriteEndsBlock => false;

    /// <inheritdoc/>
    public override void TranslateBlock(BlockBuilder builder, byte* code, int available, int maximum) =>
        translator.TranslateBlock(builder, (A64Mode)State->ModeKey, code, available, maximum);

    /// <inheritdoc/>
    protected override bool Translate(ulong va, AccessKind kind, bool unprivileged, out Translation translation)
    {
        translation = default;
        var page = va & ~0xFFFUL;
        var writable = page != SimdMachine.ReadOnlyPage;
        if (va - SimdMachine.RamBase >= SimdMachine.RamSize || page == SimdMachine.HolePage || (kind == AccessKind.Write && !writable))
        {
            FaultAddress = va;
            return false;
        }

        translation.PhysicalPage = page;
        translation.Readable = true;
        translation.Writable = writable;
        translation.Info = page == SimdMachine.CheckedPage ? TlbInfo.CheckAlignment : TlbInfo.None;
        return true;
    }

    /// <inheritdoc/>
    public override bool PermitsUnaligned(ulong va, int size, bool write)
    {
        FaultAddress = va;
        return false;
    }

    /// <inheritdoc/>
    public override void RecordStackAlignmentFault() => FaultAddress = X(31);

    /// <inheritdoc/>
    protected override void TakeFault()
    {
        Faulted = true;
        Kick();
    }

    /// <inheritdoc/>
    protected override void TakeInterrupt()
    {
    }

    /// <inheritdoc/>
    protected override bool HasWakeup() => false;

    /// <inheritdoc/>
    protected override void RecordFetchAbort(ulong va) => FaultAddress = va;

    /// <inheritdoc/>
    protected override bool TryPowerOn() => false;

    /// <inheritdoc/>
    protected override void EventReceived()
    {
    }

    /// <inheritdoc/>
    public override void Reset()
    {
    }

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
    }
}
