// A vCPU for instruction tests: identity mapping over one RAM region, EL1, faults recorded instead of taken.
using Emu.Core;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.Tests.Support;

/// <summary>What a <see cref="FlatVcpu"/> recorded.</summary>
public enum FlatFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Read outside of what is mapped.</summary>
    Read,

    /// <summary>Write outside of what is mapped.</summary>
    Write,

    /// <summary>Fetch outside of RAM.</summary>
    Fetch,

    /// <summary>Alignment.</summary>
    Alignment,

    /// <summary>SP alignment.</summary>
    StackAlignment,

    /// <summary>Exclusive or atomic access to memory that cannot take it.</summary>
    UnsupportedExclusive,

    /// <summary>An exception without a fault address: see <see cref="FlatVcpu.ExceptionClass"/>.</summary>
    Exception,
}

/// <summary>Memory and code shared by the vCPUs of a test.</summary>
public sealed unsafe class FlatMachine : IDisposable
{
    /// <summary>Start of RAM.</summary>
    public const ulong RamBase = 0x4000_0000;

    /// <summary>Bytes of RAM.</summary>
    public const ulong RamSize = 0x20_0000;

    /// <summary>A page whose accesses fault.</summary>
    public const ulong HolePage = RamBase + 0x8_0000;

    /// <summary>A page that can be read and not written.</summary>
    public const ulong ReadOnlyPage = RamBase + 0x9_0000;

    /// <summary>A device page: translated, no RAM behind it.</summary>
    public const ulong DevicePage = 0x0900_0000;

    private readonly HostMemory ram = new(RamSize);

    /// <summary>Creates it.</summary>
    public FlatMachine()
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

    /// <summary>Writes instruction words.</summary>
    public void Load(ulong pa, params uint[] words)
    {
        for (var i = 0; i < words.Length; i++)
        {
            ((uint*)At(pa))[i] = words[i];
        }

        Memory.NotifyWritten(pa, (ulong)words.Length * 4);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Shared.Dispose();
        Memory.Dispose();
        ram.Dispose();
    }
}

/// <summary>See the file's first line. Derived tests may override <see cref="Mode"/>.</summary>
public unsafe class FlatVcpu : Vcpu, IA64Exceptions
{
    private readonly A64Translator translator = new();
    private TlbTable? flat;
    private TlbTable? user;

    /// <summary>Creates a vCPU at EL1.</summary>
    public FlatVcpu(FlatMachine machine, int index = 0)
        : base(index, Arm64State.Size, machine.Shared)
    {
        Machine = machine;
        Level = 1;
        UseTables();
        State->ExclusiveAddress = ulong.MaxValue;
        State->PcTag = 0;
    }

    /// <summary>The machine.</summary>
    public FlatMachine Machine { get; }

    /// <summary>Mode of translated blocks.</summary>
    public A64Mode Mode
    {
        get => (A64Mode)State->ModeKey;
        set => State->ModeKey = (ulong)value;
    }

    /// <summary>Exception level; sets <see cref="Mode"/> to it alone.</summary>
    public int Level
    {
        get => (int)(A64->System.CurrentEl >> 2);
        set
        {
            A64->System.CurrentEl = (ulong)value << 2;
            Mode = (A64Mode)value;
        }
    }

    /// <summary>A64 state.</summary>
    public Arm64State* A64 => (Arm64State*)State;

    /// <summary>Recorded fault.</summary>
    public FlatFault Fault { get; private set; }

    /// <summary>Faulting address.</summary>
    public ulong FaultAddress { get; private set; }

    /// <summary>Times an instruction was left to be executed again.</summary>
    public int Retries { get; private set; }

    /// <summary>ESR.EC of <see cref="FlatFault.Exception"/>.</summary>
    public int ExceptionClass { get; private set; }

    /// <summary>ESR.ISS of <see cref="FlatFault.Exception"/>.</summary>
    public uint Iss { get; private set; }

    /// <summary>Unprivileged accesses from EL1 fault when set (LDTR).</summary>
    public bool UserDenied { get; set; }

    /// <summary>General register.</summary>
    public ref ulong X(int n) => ref ((ulong*)State)[n];

    /// <summary>Vector register.</summary>
    public ref UInt128 V(int n) => ref *(UInt128*)((byte*)State + Arm64State.V(n));

    /// <summary>Runs instructions from an address; stops after a number of them or at a fault.</summary>
    public FlatFault Execute(ulong pc, int instructions)
    {
        Fault = FlatFault.None;
        State->Pc = pc;
        Run(State->Retired + (ulong)instructions);
        return Fault;
    }

    /// <summary>Empties the TLB.</summary>
    public void FlushTlb()
    {
        Tlb.FlushAll();
        UseTables();
    }

    private void UseTables()
    {
        flat = Tlb.Select(new TlbContext(1, 0, 0), out _);
        user = Tlb.Select(new TlbContext(2, 0, 0), out _);
        State->Tlb = flat.Pointer;
        State->TlbUnprivileged = user.Pointer;
    }

    /// <inheritdoc/>
    public override string SnapshotName => "flat";

    /// <inheritdoc/>
    public override bool VariableLengthInstructions => false;

    /// <inheritdoc/>
    public override bool CodeWriteEndsBlock => false;

    /// <inheritdoc/>
    public override void TranslateBlock(BlockBuilder builder, byte* code, int available, int maximum) =>
        translator.TranslateBlock(builder, Mode, code, available, maximum);

    /// <inheritdoc/>
    protected override bool Translate(ulong va, AccessKind kind, bool unprivileged, out Translation translation)
    {
        translation = default;
        var page = va & ~0xFFFUL;
        var mapped = (va - FlatMachine.RamBase < FlatMachine.RamSize && page != FlatMachine.HolePage) || page == FlatMachine.DevicePage;
        var writable = page != FlatMachine.ReadOnlyPage;
        if (!mapped || (kind == AccessKind.Write && !writable) || (unprivileged && UserDenied))
        {
            Record(kind == AccessKind.Execute ? FlatFault.Fetch : kind == AccessKind.Write ? FlatFault.Write : FlatFault.Read, va);
            return false;
        }

        translation.PhysicalPage = page;
        translation.Readable = true;
        translation.Writable = writable;
        translation.Info = page == FlatMachine.DevicePage ? TlbInfo.Device : TlbInfo.None;
        return true;
    }

    /// <inheritdoc/>
    public override bool PermitsUnaligned(ulong va, int size, bool write)
    {
        Record(FlatFault.Alignment, va);
        return false;
    }

    /// <inheritdoc/>
    public override void RecordStackAlignmentFault() => Record(FlatFault.StackAlignment, X(31));

    /// <inheritdoc/>
    public void RecordUnsupportedExclusive(ulong va, bool write) => Record(FlatFault.UnsupportedExclusive, va);

    /// <inheritdoc/>
    public void RecordException(int exceptionClass, uint iss)
    {
        Fault = FlatFault.Exception;
        ExceptionClass = exceptionClass;
        Iss = iss;
    }

    private void Record(FlatFault fault, ulong va)
    {
        Fault = fault;
        FaultAddress = va;
    }

    // Stops with PC at the faulting instruction. Nothing recorded: it is executed again.
    /// <inheritdoc/>
    protected override void TakeFault()
    {
        if (Fault != FlatFault.None)
        {
            Kick();
        }
        else
        {
            Retries++;
        }
    }

    /// <inheritdoc/>
    protected override void TakeInterrupt()
    {
    }

    /// <inheritdoc/>
    protected override bool HasWakeup() => false;

    /// <inheritdoc/>
    protected override void RecordFetchAbort(ulong va) => Record(FlatFault.Fetch, va);

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
