// The head of every software vCPU's state: the slots micro-ops name by byte offset, and what the engines read on each block.
using System.Runtime.InteropServices;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;

namespace Emu.Cpu;

/// <summary>
/// The common head of a vCPU's state, in unmanaged memory that never moves. A micro-op operand is a byte offset from the start of this
/// struct. Each guest ISA appends its own state from <see cref="IsaOffset"/> on (so operands can name vector and system registers too).
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = IsaOffset)]
public unsafe struct CpuState
{
    /// <summary>Offset of general register 0; register n is at n * 8. A64: X0 to X30, then the current SP. x86: RAX to R15.</summary>
    public const int RegistersOffset = 0;

    /// <summary>Slot that always reads as zero; never written.</summary>
    public const ushort Zero = 256;

    /// <summary>Slot that takes writes nobody reads.</summary>
    public const ushort Sink = 264;

    /// <summary>First block temporary; temporaries do not live across instructions' block boundaries.</summary>
    public const ushort Temporaries = 272;

    /// <summary>Number of temporaries, 8 bytes each.</summary>
    public const int TemporaryCount = 14;

    /// <summary>Slot of the packed condition flags (A64: N=8, Z=4, C=2, V=1; bits above are zero).</summary>
    public const ushort FlagsOffset = 384;

    /// <summary>Slot of the program counter: the virtual address of the current block's first instruction while a block runs.</summary>
    public const ushort PcOffset = 392;

    /// <summary>Bytes of this head; ISA state starts here.</summary>
    public const int IsaOffset = 1024;

    /// <summary>Condition flags, see <see cref="FlagsOffset"/>.</summary>
    [FieldOffset(FlagsOffset)]
    public ulong Flags;

    /// <summary>Program counter, see <see cref="PcOffset"/>.</summary>
    [FieldOffset(PcOffset)]
    public ulong Pc;

    /// <summary>Instructions retired, counted a whole block at a time on entry.</summary>
    [FieldOffset(400)]
    public ulong Retired;

    /// <summary>A block whose entry would take <see cref="Retired"/> above this is not entered. Zero after a kick from any thread.</summary>
    [FieldOffset(408)]
    public ulong Limit;

    /// <summary>TLB table of the current translation regime and privilege.</summary>
    [FieldOffset(416)]
    public byte* Tlb;

    /// <summary>TLB table for unprivileged accesses (A64 LDTR/STTR); equals <see cref="Tlb"/> when the same applies.</summary>
    [FieldOffset(424)]
    public byte* TlbUnprivileged;

    /// <summary>Mode bits that blocks are keyed by (exception level, FP access, alignment checks and what else changes translation).</summary>
    [FieldOffset(432)]
    public ulong ModeKey;

    /// <summary>XORed into the PC to tag jump-cache entries, so that address spaces do not mix.</summary>
    [FieldOffset(440)]
    public ulong PcTag;

    /// <summary>The jump cache.</summary>
    [FieldOffset(448)]
    public JumpCacheEntry* JumpCache;

    /// <summary>Block whose exit was taken without a link; the outer loop finds the target and links it.</summary>
    [FieldOffset(456)]
    public Block* LinkFrom;

    /// <summary>Exit slot (0 or 1) of <see cref="LinkFrom"/>.</summary>
    [FieldOffset(464)]
    public int LinkSlot;

    /// <summary>Asserted interrupt inputs, a bit for each <see cref="Core.CpuInterrupt"/>. Written by any thread with interlocked operations.</summary>
    [FieldOffset(468)]
    public int InterruptLines;

    /// <summary>Pending requests from other threads (<see cref="VcpuRequest"/>). Interlocked.</summary>
    [FieldOffset(472)]
    public int Requests;

    /// <summary>Non-zero while the vCPU waits for an interrupt or event.</summary>
    [FieldOffset(476)]
    public int Halted;

    /// <summary>Retired count before the instruction that is executing, set by slow paths that may read time.</summary>
    [FieldOffset(480)]
    public ulong ExactRetired;

    /// <summary>GCHandle of the <see cref="Vcpu"/> that owns this state.</summary>
    [FieldOffset(488)]
    public nint Owner;

    /// <summary>Exclusive monitor: virtual address of the reservation, all-ones when open.</summary>
    [FieldOffset(496)]
    public ulong ExclusiveAddress;

    /// <summary>Exclusive monitor: the bytes loaded, low half.</summary>
    [FieldOffset(504)]
    public ulong ExclusiveLow;

    /// <summary>Exclusive monitor: the bytes loaded, high half (pairs of 64 bits).</summary>
    [FieldOffset(512)]
    public ulong ExclusiveHigh;

    /// <summary>Exclusive monitor: bytes loaded (1 to 16).</summary>
    [FieldOffset(520)]
    public int ExclusiveSize;

    /// <summary>Exclusive monitor: guest-physical address of the reservation.</summary>
    [FieldOffset(528)]
    public ulong ExclusivePhysical;

    /// <summary>Scratch micro-ops: the rest of an instruction that is finished after a slow path asked to leave the block.</summary>
    [FieldOffset(536)]
    public MicroOp* Scratch;

    /// <summary>More than one vCPU runs on threads of their own: barriers and interlocked updates are needed.</summary>
    [FieldOffset(544)]
    public int Parallel;

    /// <summary>Compiled code left for the interpreter: the <see cref="Status"/> that goes with <see cref="SideOp"/>.</summary>
    [FieldOffset(548)]
    public int SideStatus;

    /// <summary>Compiled code left for the interpreter: the block it was in.</summary>
    [FieldOffset(552)]
    public Block* SideBlock;

    /// <summary>Compiled code left for the interpreter: the micro-op to go on with.</summary>
    [FieldOffset(560)]
    public MicroOp* SideOp;

    /// <summary>Instructions retired in compiled code (a block left in its middle counts whole).</summary>
    [FieldOffset(568)]
    public ulong CompiledRetired;

    /// <summary>Times the interpreter entered compiled code.</summary>
    [FieldOffset(576)]
    public ulong CompiledEntries;

    /// <summary>How compiled code left the flags (<see cref="Jit.FlagKind"/>); 0, always so outside of it: packed in <see cref="Flags"/>.</summary>
    [FieldOffset(640)]
    public int LazyKind;

    /// <summary>First operand of lazily held flags.</summary>
    [FieldOffset(648)]
    public ulong LazyA;

    /// <summary>Second operand of lazily held flags.</summary>
    [FieldOffset(656)]
    public ulong LazyB;

    /// <summary>Times compiled code went on to other compiled code, without the interpreter.</summary>
    [FieldOffset(664)]
    public ulong ChainHits;

    /// <summary>Times compiled code ended because what comes next has none, or is not linked yet.</summary>
    [FieldOffset(672)]
    public ulong ChainMisses;

    /// <summary>The last jump through a register: <see cref="Retired"/> after it * 4, plus its type (Aux of <see cref="Ir.MicroOpKind.JumpReg"/>).</summary>
    [FieldOffset(BranchStampOffset)]
    public ulong BranchStamp;

    /// <summary>Address of the last jump whose type depends on where it is (A64: BR that may come from a guarded page).</summary>
    [FieldOffset(BranchSourceOffset)]
    public ulong BranchSource;

    /// <summary>Offset of <see cref="BranchStamp"/>.</summary>
    public const ushort BranchStampOffset = 704;

    /// <summary>Offset of <see cref="BranchSource"/>.</summary>
    public const ushort BranchSourceOffset = 712;

    /// <summary>Type of the jump that was the last instruction retired; 0 when that was something else.</summary>
    public readonly uint ArrivalType
    {
        get
        {
            var type = BranchStamp - (Retired << 2);
            return type < 4 ? (uint)type : 0;
        }
    }

    /// <summary>Returns that compiled code predicted.</summary>
    [FieldOffset(680)]
    public ulong ReturnHits;

    /// <summary>Byte offset, from <see cref="ReturnsOffset"/>, of the newest return address.</summary>
    [FieldOffset(688)]
    public ulong ReturnTop;

    /// <summary>Compiled code that meets the limit goes back to the outer loop, not on with the interpreter: <see cref="Jit.JitCompiler.CompilesCuts"/>.</summary>
    [FieldOffset(696)]
    public int LeavesAtLimit;

    /// <summary>
    /// Offset of the return-address predictor: <see cref="ReturnEntries"/> times a <see cref="JumpCacheEntry"/>, a ring. A call pushes the block it
    /// will return to; a return that finds its address on top goes there and takes it off. What is left by functions that never return is written over.
    /// </summary>
    public const int ReturnsOffset = 736;

    /// <summary>Entries of the return-address predictor; a power of two.</summary>
    public const int ReturnEntries = 16;

    /// <summary>Keeps <see cref="ReturnTop"/> in the ring.</summary>
    public const int ReturnTopMask = (ReturnEntries - 1) * 16;

    /// <summary>The <see cref="Vcpu"/> of a state.</summary>
    public static Vcpu OwnerOf(CpuState* s) => (Vcpu)GCHandle.FromIntPtr(s->Owner).Target!;

    /// <summary>Offset of general register <paramref name="n"/>.</summary>
    public static ushort Register(int n) => (ushort)(RegistersOffset + (n * 8));

    /// <summary>Offset of temporary <paramref name="n"/>.</summary>
    public static ushort Temporary(int n) => (ushort)(Temporaries + (n * 8));
}

/// <summary>What other threads may ask of a running vCPU.</summary>
[Flags]
public enum VcpuRequest
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Return from Run.</summary>
    Kick = 1,

    /// <summary>Interrupt inputs changed.</summary>
    Interrupt = 2,

    /// <summary>TLB maintenance is queued.</summary>
    TlbFlush = 4,

    /// <summary>Stop at a safe point: another thread needs all vCPUs outside of guest code.</summary>
    Exclusive = 8,

    /// <summary>An event (A64 SEV) was sent.</summary>
    Event = 16,

    /// <summary>Compiled code was published or must be dropped.</summary>
    Code = 32,

    /// <summary>The deadline or limit of this turn changed.</summary>
    Limit = 64,
}
