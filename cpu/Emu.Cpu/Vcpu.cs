// A software vCPU: the outer loop around the engines, block lookup, requests from other threads. A guest ISA derives from it.
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu;

/// <summary>
/// The part of a software vCPU that no guest ISA owns. The state lives in unmanaged memory (<see cref="State"/>); the owner thread runs
/// <see cref="Run"/>, other threads only set request bits and zero the limit.
/// </summary>
public abstract unsafe partial class Vcpu : IVcpu, IDisposable
{
    private readonly HostMemory stateMemory;
    private readonly HostMemory jumpCache = new((1UL << JumpCacheEntry.Bits) * (ulong)sizeof(JumpCacheEntry));
    private readonly HostMemory privateBlock = new(4096);
    private readonly BlockBuilder privateBuilder = new();
    private readonly object sleep = new();
    private readonly ulong[] fetchTags = new ulong[FetchEntries];
    private readonly ulong[] fetchPages = new ulong[FetchEntries];
    private readonly ulong[] pageFilter = new ulong[64];
    private readonly Queue<Action> remoteWork = new();
    private GCHandle handle;
    private long outerLoopPasses;
    private bool runningPrivate;
    private Jit.CompiledCode? cutCode;
    private int unfinished;
    private ulong unfinishedPc;
    private volatile bool inGuestCode;

    /// <summary>Fetch translations kept.</summary>
    protected const int FetchEntries = 256;

    /// <summary>No micro-op has this kind: as first of <see cref="CpuState.Scratch"/> it stays unless an instruction asks to leave the block after it.</summary>
    private const MicroOpKind Untouched = (MicroOpKind)ushort.MaxValue;

    /// <summary>Creates the vCPU with zeroed state.</summary>
    /// <param name="index">Index from 0.</param>
    /// <param name="stateBytes">Size of the state, <see cref="CpuState"/> and the ISA's part.</param>
    /// <param name="shared">What the vCPUs of the machine share.</param>
    protected Vcpu(int index, int stateBytes, VcpuShared shared)
    {
        Index = index;
        Shared = shared;
        Memory = shared.Memory;
        Code = shared.Code;
        stateMemory = new HostMemory((ulong)stateBytes);
        handle = GCHandle.Alloc(this);
        var s = State;
        s->Owner = GCHandle.ToIntPtr(handle);
        s->JumpCache = (JumpCacheEntry*)jumpCache.Pointer;
        s->Scratch = (MicroOp*)(privateBlock.Pointer + 1024);
        s->LeavesAtLimit = shared.Compiler is { CompilesCuts: true } ? 1 : 0;
        FlushJumpCache();
        Code.Attach(this);
        shared.Gate.Attach(this);
        Memory.MapChanged += OnMapChanged;
    }

    private void OnMapChanged() => Enqueue(() =>
    {
        Tlb.FlushAll();
        FlushJumpCache();
    });

    /// <inheritdoc/>
    public int Index { get; }

    /// <summary>The unmanaged state.</summary>
    public CpuState* State => (CpuState*)stateMemory.Pointer;

    /// <summary>What the vCPUs of the machine share.</summary>
    public VcpuShared Shared { get; }

    /// <summary>The guest-physical map.</summary>
    public PhysicalAddressSpace Memory { get; }

    /// <summary>The block cache.</summary>
    public CodeCache Code { get; }

    /// <summary>The TLB tables.</summary>
    public TlbSet Tlb { get; } = new();

    /// <summary>Instructions retired in compiled code.</summary>
    public ulong CompiledRetired => State->CompiledRetired;

    /// <summary>Times the interpreter entered compiled code.</summary>
    public ulong CompiledEntries => State->CompiledEntries;

    /// <summary>Times compiled code went on to other compiled code, without the interpreter.</summary>
    public ulong ChainHits => State->ChainHits;

    /// <summary>Times compiled code ended because what comes next has none, or is not linked yet.</summary>
    public ulong ChainMisses => State->ChainMisses;

    /// <summary>Returns that compiled code predicted.</summary>
    public ulong ReturnHits => State->ReturnHits;

    /// <summary>TLB misses that walked the page tables.</summary>
    public ulong TlbMisses { get; private set; }

    /// <summary>Times the outer loop entered an engine.</summary>
    internal long OuterLoopPasses => Volatile.Read(ref outerLoopPasses);

    /// <summary>An engine is running guest code.</summary>
    internal bool InGuestCode => inGuestCode;

    /// <summary>Switched off (PSCI): not running until <see cref="PowerOn"/>.</summary>
    public bool PoweredOff { get; protected set; }

    /// <inheritdoc/>
    public ulong Retired => State->Retired;

    /// <summary>Retired count before the instruction whose slow path is running: what a clock made of instructions reads during a turn.</summary>
    public ulong ExactRetired => State->ExactRetired;

    /// <inheritdoc/>
    public ulong ProgramCounter => State->Pc;

    /// <inheritdoc/>
    public abstract string SnapshotName { get; }

    /// <summary>Instructions differ in length (x86): blocks carry a table of offsets.</summary>
    public abstract bool VariableLengthInstructions { get; }

    /// <summary>A store into translated code leaves the running block at once (x86); otherwise it takes effect at the next block.</summary>
    public abstract bool CodeWriteEndsBlock { get; }

    /// <inheritdoc/>
    public bool HasWork
    {
        get
        {
            var s = State;
            return PoweredOff ? (Volatile.Read(ref s->Requests) & (int)VcpuRequest.Event) != 0 && CanPowerOn
                : s->Halted == 0 || (Volatile.Read(ref s->Requests) & (int)VcpuRequest.Event) != 0 || HasWakeup();
        }
    }

    /// <summary>A power-on was requested by another vCPU and waits to be carried out.</summary>
    protected virtual bool CanPowerOn => false;

    /// <summary>Asks this vCPU for something. Any thread.</summary>
    public void Request(VcpuRequest request)
    {
        var s = State;
        Interlocked.Or(ref s->Requests, (int)request);
        Volatile.Write(ref s->Limit, 0);
        if (Volatile.Read(ref sleeping))
        {
            lock (sleep)
            {
                Monitor.PulseAll(sleep);
            }
        }
    }

    /// <summary>Runs an action on this vCPU's thread before it runs further guest code (TLB maintenance from another vCPU). Any thread.</summary>
    public void Enqueue(Action action)
    {
        lock (remoteWork)
        {
            remoteWork.Enqueue(action);
        }

        Request(VcpuRequest.TlbFlush);
    }

    /// <inheritdoc/>
    public void Kick() => Request(VcpuRequest.Kick);

    /// <inheritdoc/>
    public void SetInterrupt(CpuInterrupt kind, bool level)
    {
        var bit = 1 << (int)kind;
        if (level)
        {
            Interlocked.Or(ref State->InterruptLines, bit);
            Request(VcpuRequest.Interrupt);
        }
        else
        {
            Interlocked.And(ref State->InterruptLines, ~bit);
        }
    }

    private bool sleeping;

    /// <inheritdoc/>
    public void WaitForWork()
    {
        lock (sleep)
        {
            Volatile.Write(ref sleeping, true);
            Interlocked.MemoryBarrier();
            while ((Volatile.Read(ref State->Requests) & ~(int)VcpuRequest.Interrupt) == 0 && !HasWork)
            {
                Monitor.Wait(sleep);
            }

            Volatile.Write(ref sleeping, false);
        }
    }

    /// <summary>
    /// Instructions left of a block that a limit cut short. Interrupts are taken between blocks: the rest runs first, so that where a run is
    /// stopped, traced or saved changes nothing of what the guest sees.
    /// </summary>
    protected int Unfinished
    {
        get => unfinished != 0 && State->Pc == unfinishedPc ? unfinished : 0;
        set => (unfinished, unfinishedPc) = (value, State->Pc);
    }

    /// <inheritdoc/>
    public VcpuExit Run(ulong retiredLimit)
    {
        Shared.Gate.Enter();
        Volatile.Write(ref inGuest, true);
        Interlocked.MemoryBarrier();
        State->LinkFrom = null;
        try
        {
            return RunInside(retiredLimit);
        }
        finally
        {
            Volatile.Write(ref inGuest, false);
            Shared.Gate.Leave();
        }
    }

    private bool inGuest;

    /// <summary>
    /// The vCPU may be executing guest code. When false after a request was posted (with a barrier between), the vCPU will handle the request
    /// before it executes any: there is nothing to wait for. Any thread.
    /// </summary>
    public bool InGuest => Volatile.Read(ref inGuest);

    /// <summary>Asks for something that a sleeping vCPU need not wake for: it is handled before the next guest instruction. Any thread.</summary>
    public void RequestWithoutWaking(VcpuRequest request)
    {
        var s = State;
        Interlocked.Or(ref s->Requests, (int)request);
        Volatile.Write(ref s->Limit, 0);
    }

    /// <summary>TLB maintenance of the guest ISA was requested with <see cref="VcpuRequest.TlbFlush"/>; runs on the vCPU's thread.</summary>
    protected virtual void MaintenanceRequested() { }

    private VcpuExit RunInside(ulong retiredLimit)
    {
        var s = State;
        while (true)
        {
            var limit = Math.Min(retiredLimit, observeFrom);
            if (Volatile.Read(ref s->Limit) != limit || s->Requests != 0)
            {
                s->LinkFrom = null;
                s->ExactRetired = s->Retired;
                var requests = (VcpuRequest)Interlocked.Exchange(ref s->Requests, 0);
                if (requests != VcpuRequest.None && HandleRequests(requests))
                {
                    return VcpuExit.Kicked;
                }

                Volatile.Write(ref s->Limit, limit);
                Interlocked.MemoryBarrier();
                if (Volatile.Read(ref s->Requests) != 0)
                {
                    continue;
                }
            }

            if (Shared.StopRequested)
            {
                return VcpuExit.MachineRequest;
            }

            if (PoweredOff && !TryPowerOn())
            {
                return VcpuExit.PoweredOff;
            }

            if (s->Halted != 0)
            {
                if (!HasWakeup())
                {
                    return VcpuExit.Halted;
                }

                s->Halted = 0;
            }

            if (s->Retired >= retiredLimit)
            {
                return VcpuExit.LimitReached;
            }

            if (unfinished != 0 && s->Pc != unfinishedPc)
            {
                unfinished = 0;
            }

            if (s->InterruptLines != 0 && unfinished == 0)
            {
                s->LinkFrom = null;
                s->ExactRetired = s->Retired;
                TakeInterrupt();
            }

            var block = Lookup(s->Pc);
            if (block == null)
            {
                unfinished = 0;
                continue;
            }

            if (s->LinkFrom != null)
            {
                Code.Link(s->LinkFrom, s->LinkSlot, block);
                s->LinkFrom = null;
            }

            var whole = unfinished != 0 ? unfinished : block->Count;
            var length = (int)Math.Min((ulong)whole, retiredLimit - s->Retired);
            if (unfinished != 0)
            {
                // The rest of a block is followed by a look at the interrupts, whatever the caches know about what comes next.
                Volatile.Write(ref s->Limit, s->Retired + (ulong)length);
                Interlocked.MemoryBarrier();
                if (Volatile.Read(ref s->Requests) != 0)
                {
                    continue;
                }
            }

            var compiledCut = s->LeavesAtLimit != 0 && IsCompiledCut(block, retiredLimit - s->Retired);
            if (length < block->Count || compiledCut)
            {
                block = PrivateBlock(block->Physical, length);
                s->Scratch->Kind = Untouched;
                if (compiledCut && (cutCode = Shared.Compiler!.CompileAlone(block)) != null)
                {
                    block->Code = (void*)cutCode.Entry;
                    block->Heat = 0;
                }
            }

            runningPrivate = block == (Block*)privateBlock.Pointer;
            unfinished = whole - length;

            outerLoopPasses++;
            inGuestCode = true;

            // Seen by the compiler thread before this one reads a block's code: else code just taken away could be freed under it.
            Interlocked.MemoryBarrier();
            var exit = s->Retired + (ulong)block->Count > observeFrom ? EnterObserved(block) : Enter(block);
            inGuestCode = false;

            // An instruction that asks to leave the block after it ends the block there, cut or not.
            unfinished = s->Retired == retiredLimit && (!runningPrivate || s->Scratch->Kind == Untouched) ? unfinished : 0;
            unfinishedPc = s->Pc;
            switch (exit)
            {
                case BlockExit.Fault:
                    unfinished = 0;
                    s->ExactRetired = s->Retired;
                    TakeFault();
                    break;
                case BlockExit.LinkWanted:
                case BlockExit.Left:
                    break;
            }
        }
    }

    /// <summary>Whether the limit is so near that compiled code of a block would meet it: of several blocks, a region has few instructions.</summary>
    private bool IsCompiledCut(Block* block, ulong left) =>
        (left < (ulong)block->Count || left <= Jit.RegionBuilder.MaximumInstructions) && Shared.Compiler!.IsCompiled(block);

    /// <summary>Runs one instruction (tracing, debugging). False when the vCPU is halted, off or was stopped before it.</summary>
    public VcpuExit Step() => Run(State->Retired + 1);

    /// <summary>Runs a block and what follows it, on the engine that has it.</summary>
    protected virtual BlockExit Enter(Block* block) => Interpreter.Interpreter.Run(State, block);

    /// <summary>PC of the instruction whose slow path is running, for messages; the block's address when the block is not known any more.</summary>
    public ulong CurrentPc()
    {
        var s = State;
        var left = s->Retired - s->ExactRetired;
        var block = runningPrivate ? (Block*)privateBlock.Pointer : null;
        for (uint type = 0; type < 4 && block == null; type++)
        {
            var entry = s->JumpCache + JumpCacheEntry.Index(s->Pc, type);
            block = entry->Tag == JumpCacheEntry.TagOf(s->Pc, s->PcTag, type) ? entry->Target : null;
        }

        return block != null && left <= (ulong)block->Count ? s->Pc + block->OffsetOf((int)left) : s->Pc;
    }

    /// <summary>Translates the instructions at a host address until the block ends.</summary>
    /// <param name="builder">Takes the micro-ops; must be <see cref="BlockBuilder.Ended"/> on return, with at least one instruction.</param>
    /// <param name="code">The guest bytes.</param>
    /// <param name="available">Bytes up to the end of the 4 KiB page.</param>
    /// <param name="maximum">Instructions, at most.</param>
    public abstract void TranslateBlock(BlockBuilder builder, byte* code, int available, int maximum);

    /// <summary>Walks the page tables. On failure the exception is recorded for <see cref="TakeFault"/>.</summary>
    protected abstract bool Translate(ulong va, AccessKind kind, bool unprivileged, out Translation translation);

    /// <summary>Whether no watchpoint stops an access to a page that is watched; if one does, its exception is recorded.</summary>
    /// <param name="va">Address of the access.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="write">It writes.</param>
    /// <param name="unprivileged">It is made as user mode's (A64 LDTR, STTR).</param>
    public virtual bool PermitsWatched(ulong va, int size, bool write, bool unprivileged) => true;

    /// <summary>Every access is checked for alignment, before it is translated (A64 SCTLR.A).</summary>
    public virtual bool ChecksAlignmentFirst => false;

    /// <summary>Whether an unaligned access to a page with alignment checks is fine after all; if not, the alignment fault is recorded.</summary>
    public abstract bool PermitsUnaligned(ulong va, int size, bool write);

    /// <summary>Records the fault of an access through a misaligned stack pointer (A64 SCTLR.SA).</summary>
    public abstract void RecordStackAlignmentFault();

    /// <summary>Takes the exception that a slow path, a helper or a fetch recorded; PC is the faulting instruction's address.</summary>
    protected abstract void TakeFault();

    /// <summary>Takes a pending unmasked interrupt, if there is one. Called between blocks when an input is asserted.</summary>
    protected abstract void TakeInterrupt();

    /// <summary>Whether a vCPU halted in WFI or WFE would wake now.</summary>
    protected abstract bool HasWakeup();

    /// <summary>Records that an instruction fetch hit no RAM (external abort).</summary>
    protected abstract void RecordFetchAbort(ulong va);

    /// <summary>Carries out a pending power-on request; false when there is none.</summary>
    protected abstract bool TryPowerOn();

    /// <inheritdoc/>
    public abstract void Reset();

    /// <inheritdoc/>
    public abstract void Save(SnapshotWriter writer);

    /// <inheritdoc/>
    public abstract void Restore(SnapshotReader reader);

    /// <inheritdoc/>
    public virtual void Restored()
    {
    }

    /// <summary>Fills the TLB entry for an access; null after a fault was recorded.</summary>
    internal TlbEntry* FillTlb(byte* table, ulong va, AccessKind kind, bool unprivileged)
    {
        TlbMisses++;
        if (!Translate(va, kind, unprivileged, out var t))
        {
            return null;
        }

        var set = Tlb.FromPointer(table);
        var e = set.Entry(va);
        var tag = va & TlbEntry.PageMask;
        var info = t.Info;
        var region = Memory.FindRam(t.PhysicalPage);
        if (region != null)
        {
            info |= TlbInfo.Ram | (region.ReadOnly ? TlbInfo.ReadOnlyMemory : TlbInfo.None);
            e->Addend = (ulong)(region.Host + (t.PhysicalPage - region.Start)) - tag;
        }

        var slow = (info & TlbInfo.Ram) == 0 || (info & (TlbInfo.Device | TlbInfo.CheckAlignment | TlbInfo.Watched)) != 0 ? TlbEntry.Slow : 0;
        var slowWrite = slow | ((info & TlbInfo.ReadOnlyMemory) != 0 ? TlbEntry.Slow : 0);
        e->Info = t.PhysicalPage | (ulong)info;
        e->ReadTag = t.Readable ? tag | slow : TlbEntry.Empty;
        e->WriteTag = t.Writable ? tag | slowWrite : TlbEntry.Empty;
        set.Filled(info, va, t.LargeSize);
        if (t.Writable && region != null)
        {
            if (State->Parallel != 0)
            {
                Interlocked.MemoryBarrier();
            }

            // Checked after the entry is visible: a page that becomes code now either is seen here or finds this entry.
            if ((region.PageFlags[(t.PhysicalPage - region.Start) >> 12] & RamPageFlags.Code) != 0)
            {
                Interlocked.Or(ref e->WriteTag, TlbEntry.Code);
            }
        }

        return e;
    }

    /// <summary>After code of a page was invalidated: lets the entry be written fast again if the page holds none any more.</summary>
    internal void RefreshWriteTag(TlbEntry* e)
    {
        var page = e->Info & TlbEntry.PageMask;
        var region = Memory.FindRam(page);
        if (region != null && (region.PageFlags[(page - region.Start) >> 12] & RamPageFlags.Code) == 0)
        {
            Interlocked.And(ref e->WriteTag, ~TlbEntry.Code);
            Interlocked.MemoryBarrier();
            if ((region.PageFlags[(page - region.Start) >> 12] & RamPageFlags.Code) != 0)
            {
                Interlocked.Or(ref e->WriteTag, TlbEntry.Code);
            }
        }
    }

    /// <summary>Drops every way from a virtual PC to a block: the jump cache and the fetch translations.</summary>
    public void FlushJumpCache()
    {
        var s = State;
        var e = s->JumpCache;
        for (var i = 0; i < 1 << JumpCacheEntry.Bits; i++)
        {
            e[i].Tag = JumpCacheEntry.EmptyTag;
        }

        for (var i = 0; i < fetchTags.Length; i++)
        {
            fetchTags[i] = JumpCacheEntry.EmptyTag;
        }

        Array.Clear(pageFilter);
        ForgetReturns();
    }

    /// <summary>Empties the return-address predictor: at the latest when another address space's entries, whose tags differ in the top byte only, may be there.</summary>
    protected void ForgetReturns()
    {
        for (var i = 0; i < CpuState.ReturnEntries; i++)
        {
            Returns[i].Tag = JumpCacheEntry.EmptyTag;
        }
    }

    private JumpCacheEntry* Returns => (JumpCacheEntry*)((byte*)State + CpuState.ReturnsOffset);

    /// <summary>Drops the ways to one virtual page, in every address space (whose <see cref="CpuState.PcTag"/> differ in bits 56 to 63 only) and for every type of jump.</summary>
    /// <param name="va">Address in the page.</param>
    public void FlushJumpCachePage(ulong va)
    {
        // Tags differ above.
        const ulong AddressBits = (1UL << JumpCacheEntry.TypeShift) - 0x1000;
        for (var i = 0; i < CpuState.ReturnEntries; i++)
        {
            if (((Returns[i].Tag ^ va) & AddressBits) == 0)
            {
                Returns[i].Tag = JumpCacheEntry.EmptyTag;
            }
        }

        if ((pageFilter[FilterWord(va)] & FilterBit(va)) == 0)
        {
            return;
        }

        // The entries of one page fill one aligned group of 1024 (the index XORs page bits onto the offset bits).
        var canonical = (ulong)((long)(va << 8) >> 8) & TlbEntry.PageMask;
        var e = State->JumpCache + (JumpCacheEntry.Index(canonical, 0) & ~1023u);
        for (var i = 0; i < 1024; i++)
        {
            if (((e[i].Tag ^ va) & AddressBits) == 0)
            {
                e[i].Tag = JumpCacheEntry.EmptyTag;
            }
        }

        for (var i = 0; i < FetchEntries; i++)
        {
            if (((fetchTags[i] ^ va) & AddressBits) == 0)
            {
                fetchTags[i] = JumpCacheEntry.EmptyTag;
            }
        }
    }

    private static int FilterWord(ulong va) => (int)(va >> 18) & 63;

    private static ulong FilterBit(ulong va) => 1UL << ((int)(va >> 12) & 63);

    /// <summary>The block at a virtual PC in the current mode: jump cache, then fetch translation and block cache, then translation. Null after a fault was taken.</summary>
    private Block* Lookup(ulong pc)
    {
        var s = State;
        var type = s->ArrivalType;
        var j = s->JumpCache + JumpCacheEntry.Index(pc, type);
        var tag = JumpCacheEntry.TagOf(pc, s->PcTag, type);
        if (j->Tag == tag && j->Target->Key == s->ModeKey)
        {
            return j->Target;
        }

        if (!TryFetchAddress(pc, out var physical))
        {
            s->LinkFrom = null;
            s->ExactRetired = s->Retired;
            TakeFault();
            return null;
        }

        var refused = type != 0 && !PermitsArrival(pc, physical);
        var block = Code.Find(physical, s->ModeKey);
        if (block == null)
        {
            var region = Memory.FindRam(physical);
            if (region == null)
            {
                s->LinkFrom = null;
                RecordFetchAbort(pc);
                TakeFault();
                return null;
            }

            if (Code.EnterUncached(physical))
            {
                // Where a store into the running block must end it, one instruction at a time sees every store.
                return PrivateBlock(physical, CodeWriteEndsBlock ? 1 : int.MaxValue);
            }

            while ((block = Code.Translate(this, physical, s->ModeKey, region)) == null)
            {
                s->LinkFrom = null;
                Shared.Gate.Leave();
                Shared.Gate.Run(() =>
                {
                    if (Code.NeedsFlush)
                    {
                        Code.Flush();
                    }
                });
                Shared.Gate.Enter();
            }
        }

        if (refused)
        {
            return block;
        }

        j->Tag = tag;
        j->Target = block;
        pageFilter[FilterWord(pc)] |= FilterBit(pc);
        return block;
    }

    /// <summary>Index of an instruction's page among the fetch translations; as that of a jump cache entry, it takes in the bits that tags differ in.</summary>
    protected static int FetchIndex(ulong pc) => (int)((pc >> 12) ^ (pc >> 56)) & (FetchEntries - 1);

    /// <summary>
    /// Whether the instruction at a PC lets in the jump that was executed last, whose type is not 0. If not, <see cref="Enter"/> is to take the exception.
    /// Asked once for each type and PC while what leads there stays the same.
    /// </summary>
    protected virtual bool PermitsArrival(ulong pc, ulong physical) => true;

    /// <summary>Physical address of an instruction; false after the fault was recorded.</summary>
    protected bool TryFetchAddress(ulong pc, out ulong physical)
    {
        var tag = (pc & TlbEntry.PageMask) ^ State->PcTag ^ (State->ModeKey & 0xFFF);
        var i = FetchIndex(pc);
        if (fetchTags[i] == tag && (pc & 3) == 0)
        {
            physical = fetchPages[i] | (pc & 0xFFF);
            return true;
        }

        if (!Translate(pc, AccessKind.Execute, unprivileged: false, out var t))
        {
            physical = 0;
            return false;
        }

        fetchTags[i] = tag;
        fetchPages[i] = t.PhysicalPage;
        pageFilter[FilterWord(pc)] |= FilterBit(pc);
        physical = t.PhysicalPage | (pc & 0xFFF);
        return true;
    }

    private Block* PrivateBlock(ulong physical, int maximum)
    {
        var block = (Block*)privateBlock.Pointer;
        CodeCache.TranslatePrivate(this, privateBuilder, block, physical, State->ModeKey, Memory.FindRam(physical)!, maximum);
        return block;
    }

    /// <summary>Handles requests of other threads; true to return from Run.</summary>
    private bool HandleRequests(VcpuRequest requests)
    {
        if ((requests & VcpuRequest.TlbFlush) != 0)
        {
            while (true)
            {
                Action action;
                lock (remoteWork)
                {
                    if (!remoteWork.TryDequeue(out action!))
                    {
                        break;
                    }
                }

                action();
            }

            MaintenanceRequested();
        }

        if ((requests & VcpuRequest.Exclusive) != 0)
        {
            Shared.Gate.Leave();
            Shared.Gate.Enter();
        }

        if ((requests & VcpuRequest.Event) != 0)
        {
            EventReceived();
        }

        return (requests & VcpuRequest.Kick) != 0;
    }

    /// <summary>An event (A64 SEV) arrived, or a power-on request waits.</summary>
    protected abstract void EventReceived();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the state.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (handle.IsAllocated)
        {
            Memory.MapChanged -= OnMapChanged;
            handle.Free();
            stateMemory.Dispose();
            jumpCache.Dispose();
            privateBlock.Dispose();
            privateBuilder.Dispose();
            Tlb.Dispose();
        }
    }
}

/// <summary>Why an engine left guest code.</summary>
public enum BlockExit
{
    /// <summary>PC is set; look the next block up. Interrupts are looked at first.</summary>
    Left,

    /// <summary>PC is set; the exit in <see cref="CpuState.LinkFrom"/> wants to be linked to the next block.</summary>
    LinkWanted,

    /// <summary>An exception is recorded; PC is the faulting instruction.</summary>
    Fault,
}

/// <summary>What the vCPUs of one machine share.</summary>
public sealed class VcpuShared : IDisposable
{
    /// <summary>Creates the shared part.</summary>
    /// <param name="memory">The guest-physical map.</param>
    /// <param name="codeLimit">Bytes of block memory.</param>
    public VcpuShared(PhysicalAddressSpace memory, ulong codeLimit = CodeCache.DefaultLimit)
    {
        Memory = memory;
        Code = new CodeCache(memory, codeLimit);
    }

    private volatile bool stopRequested;

    /// <summary>The guest-physical map.</summary>
    public PhysicalAddressSpace Memory { get; }

    /// <summary>The block cache.</summary>
    public CodeCache Code { get; }

    /// <summary>The compiler, or null on the interpreter engine.</summary>
    public Jit.JitCompiler? Compiler { get; init; }

    /// <summary>Stops vCPUs for exclusive actions.</summary>
    public ExclusiveGate Gate { get; } = new();

    /// <summary>The machine is to stop: vCPUs return <see cref="VcpuExit.MachineRequest"/>. Set it, then kick them.</summary>
    public bool StopRequested
    {
        get => stopRequested;
        set => stopRequested = value;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Compiler?.Dispose();
        Code.Dispose();
    }
}
