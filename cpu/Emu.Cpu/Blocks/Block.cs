// A translated run of guest instructions: header in unmanaged memory, shared by all vCPUs, never freed while one may run it.
using System.Runtime.InteropServices;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Blocks;

/// <summary>
/// A block: guest instructions within one 4 KiB page, single entry, as micro-ops. Position-independent: everything relative to
/// <see cref="CpuState.Pc"/>, so one block serves every virtual mapping of its physical page.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct Block
{
    /// <summary><see cref="Key"/> of a block that must not be entered any more.</summary>
    public const ulong InvalidKey = ulong.MaxValue;

    /// <summary>Mode bits the translation is valid for, or <see cref="InvalidKey"/>.</summary>
    public ulong Key;

    /// <summary>The micro-ops.</summary>
    public MicroOp* Ops;

    /// <summary>Guest instructions.</summary>
    public int Count;

    /// <summary>Entries by the interpreter left until it looks further: for compiled code to enter, or to ask the compiler.</summary>
    public int Heat;

    /// <summary>Target of exit 0 (fall-through, direct jump) once linked, or null.</summary>
    public Block* Next0;

    /// <summary>Target of exit 1 (branch taken) once linked, or null.</summary>
    public Block* Next1;

    /// <summary>Compiled code, or null.</summary>
    public void* Code;

    /// <summary>Guest-physical address of the first byte.</summary>
    public ulong Physical;

    /// <summary>Bytes of guest code.</summary>
    public int Length;

    /// <summary>Micro-ops.</summary>
    public int OpCount;

    /// <summary>Next block with the same hash.</summary>
    public Block* HashNext;

    /// <summary>Next block of the same physical page.</summary>
    public Block* PageNext;

    /// <summary>Offset in bytes of each instruction from the first, or null when all are 4 bytes long.</summary>
    public ushort* InstructionOffsets;

    /// <summary>State of the block in the compiler (<see cref="Jit.CompileState"/>).</summary>
    public int CompileState;

    /// <summary>Times the interpreter asked for compiled code and found none.</summary>
    public int Looks;

    /// <summary>The guest bytes it was made from, or null: kept for pages that were rewritten before (<see cref="PageHistory"/>).</summary>
    public byte* Source;

    /// <summary><see cref="Key"/> that goes with <see cref="Source"/>, while the block is invalid.</summary>
    public ulong SourceKey;

    /// <summary><see cref="Heat"/> when the block was made.</summary>
    public int FirstHeat;

    /// <summary>Entries of its code of the lower tier left until that asks for a region.</summary>
    public int EntriesLeft;

    /// <summary>Byte offset of the instruction with <paramref name="left"/> instructions still to go; the block's length for 0.</summary>
    public readonly ulong OffsetOf(int left)
    {
        var index = Count - left;
        return InstructionOffsets == null ? (ulong)index * 4 : left == 0 ? (ulong)Length : InstructionOffsets[index];
    }
}

/// <summary>One way from a virtual PC to a block, for those that arrive by one type of jump.</summary>
/// <remarks>
/// What arrives by a jump of a type other than 0 may be refused by the guest ISA (A64: BTI), so it has entries of its own, made when it was let in.
/// Tags differ in bits 63:52, where the bits of a valid address are equal. The index takes them in, so that an address in which they are not
/// never finds the entry of another.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct JumpCacheEntry
{
    /// <summary>Log2 of the entries of a jump cache.</summary>
    public const int Bits = 12;

    /// <summary>Lowest bit of a tag that the type of jump goes to.</summary>
    public const int TypeShift = 52;

    /// <summary>Lowest bit of an index that the type of jump goes to: another than bit 0, where address bit <see cref="TypeShift"/> goes.</summary>
    public const int TypeIndexShift = 2;

    /// <summary>PC XOR <see cref="CpuState.PcTag"/> XOR type of jump; <see cref="EmptyTag"/> when empty.</summary>
    public ulong Tag;

    /// <summary>The block.</summary>
    public Block* Target;

    /// <summary>Tag of an empty entry: not a possible instruction address on either ISA.</summary>
    public const ulong EmptyTag = 0x7FF0_DEAD_DEAD_DEAD;

    /// <summary>Index of the entry for a PC reached by a type of jump.</summary>
    public static uint Index(ulong pc, uint type) =>
        ((uint)(pc >> 2) ^ (uint)(pc >> (2 + Bits)) ^ (uint)(pc >> TypeShift) ^ (type << TypeIndexShift)) & ((1u << Bits) - 1);

    /// <summary>Tag for a PC reached by a type of jump.</summary>
    public static ulong TagOf(ulong pc, ulong pcTag, uint type) => pc ^ pcTag ^ ((ulong)type << TypeShift);
}
