// A TLB entry as the fast paths see it: tags that match only what may be done without looking further, and a host addend.
using System.Runtime.InteropServices;

namespace Emu.Cpu.Mmu;

/// <summary>
/// 32 bytes. A fast access at va of n bytes is allowed when ((va + n - 1) &amp; <see cref="PageMask"/>) equals the tag: an access that
/// leaves its page, a tag with a flag in its low bits and an empty entry all fail that one comparison.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct TlbEntry
{
    /// <summary>Mask of the page number in an address.</summary>
    public const ulong PageMask = ~0xFFFUL;

    /// <summary>Log2 of the entries of a table.</summary>
    public const int Bits = 10;

    /// <summary>
    /// Byte offset of the entry for a va within its table: ((va >> <see cref="IndexShift"/>) &amp; this) ^ ((va >> <see cref="FoldShift"/>) &amp;
    /// <see cref="FoldMask"/>). Arrays a multiple of 4 MiB apart are common, and without the fold copying one to the other missed at every access.
    /// </summary>
    public const ulong IndexMask = ((1UL << Bits) - 1) << 5;

    /// <summary>See <see cref="IndexMask"/>: page shift 12 less log2 of the entry size 5.</summary>
    public const int IndexShift = 7;

    /// <summary>See <see cref="IndexMask"/>: brings the page number's next bits down, one place less than all the way.</summary>
    public const int FoldShift = IndexShift + Bits - 1;

    /// <summary>
    /// See <see cref="IndexMask"/>. It leaves the lowest bit of the index alone: two neighbouring pages never share an entry, which the one
    /// comparison for accesses that leave their page needs.
    /// </summary>
    public const ulong FoldMask = IndexMask & ~32UL;

    /// <summary>Bytes of a table.</summary>
    public const int TableBytes = 32 << Bits;

    /// <summary>Tag of an entry that matches nothing.</summary>
    public const ulong Empty = ulong.MaxValue;

    /// <summary>An entry that matches nothing.</summary>
    public static TlbEntry None => new() { ReadTag = Empty, WriteTag = Empty, Addend = Empty, Info = Empty };

    /// <summary>Tag flag: translated, but every access takes the slow path (device, alignment checks, watchpoint).</summary>
    public const ulong Slow = 1;

    /// <summary>Write-tag flag: the page holds translated code.</summary>
    public const ulong Code = 2;

    /// <summary>The entry for a va in a table.</summary>
    public static unsafe TlbEntry* At(byte* table, ulong va) => (TlbEntry*)(table + (((va >> IndexShift) & IndexMask) ^ ((va >> FoldShift) & FoldMask)));

    /// <summary>va page that may be read, with flags, or <see cref="Empty"/>.</summary>
    public ulong ReadTag;

    /// <summary>va page that may be written, with flags, or <see cref="Empty"/>.</summary>
    public ulong WriteTag;

    /// <summary>Host address = va + addend (RAM only).</summary>
    public ulong Addend;

    /// <summary>Guest-physical page | <see cref="TlbInfo"/> bits in the low 12.</summary>
    public ulong Info;
}

/// <summary>Low bits of <see cref="TlbEntry.Info"/>.</summary>
[Flags]
public enum TlbInfo : ulong
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Backed by RAM: the addend is good.</summary>
    Ram = 1,

    /// <summary>Device memory type: unaligned accesses fault.</summary>
    Device = 2,

    /// <summary>Alignment is checked (SCTLR.A).</summary>
    CheckAlignment = 4,

    /// <summary>Belongs to the current ASID only (A64 nG).</summary>
    NonGlobal = 8,

    /// <summary>The translation came from a page or block larger than 4 KiB.</summary>
    Large = 16,

    /// <summary>ROM: writes are dropped.</summary>
    ReadOnlyMemory = 32,

    /// <summary>A debugger watches something on this page.</summary>
    Watched = 64,

    /// <summary>EL0 (user mode) may access the page: what PAN and SMAP look at.</summary>
    UserAccessible = 128,
}
