// Stage 1 of the EL1&0 translation regime: the table walk, permissions, and what it answers to the TLB and to AT (Arm ARM D8).
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.SystemLevel;

public sealed unsafe partial class Arm64Vcpu
{
    private const ulong DescriptorValid = 1;
    private const ulong DescriptorTable = 2;
    private const ulong DescriptorUser = 1UL << 6;
    private const ulong DescriptorReadOnly = 1UL << 7;
    private const ulong DescriptorAccessed = 1UL << 10;
    private const ulong DescriptorNonGlobal = 1UL << 11;
    private const ulong DescriptorGuarded = 1UL << 50;
    private const ulong DescriptorDirtyModifier = 1UL << 51;
    private const ulong DescriptorContiguous = 1UL << 52;
    private const ulong DescriptorPxn = 1UL << 53;
    private const ulong DescriptorUxn = 1UL << 54;
    private const ulong TablePxn = 1UL << 59;
    private const ulong TableUxn = 1UL << 60;
    private const ulong TableNoUser = 1UL << 61;
    private const ulong TableReadOnly = 1UL << 62;

    private TranslationRegime regime;

    /// <summary>~(bytes - 1) of the largest translation since the last full flush, 1 GiB at least: what TLB maintenance compares large entries with.</summary>
    private ulong largestMask = SmallestLargeMask;

    private const ulong SmallestLargeMask = ~0x3FFF_FFFFUL;

    /// <summary>TCR_EL1 changed.</summary>
    private void RegimeChanged() => regime = TranslationRegime.FromTcrEl1(a->System.El1.Tcr, Cluster.Features);

    /// <summary>SCTLR_EL1, TCR_EL1 or MAIR_EL1 changed what translations give: nothing cached is good any more.</summary>
    internal void TranslationChanged()
    {
        RegimeChanged();
        Tlb.FlushAll();
        largestMask = SmallestLargeMask;
        FlushCodeLookups();
        ContextChanged();
    }

    /// <inheritdoc/>
    protected override bool Translate(ulong va, AccessKind kind, bool unprivileged, out Translation translation)
    {
        var user = ExceptionLevel == 0 || (unprivileged && a->System.Uao == 0);
        translation = default;
        if (kind == AccessKind.Execute)
        {
            var canonical = CanonicalInstructionAddress(va);
            if (canonical != va)
            {
                State->Pc = canonical;
                RecordRetry();
                return false;
            }

            if ((va & 3) != 0)
            {
                Record(ExceptionClass.PcAlignment, 0, va);
                return false;
            }
        }

        Walk(va, kind, user, a->System.Pan != 0 && !user, WalkPurpose.Access, out var w);
        if (w.Status != FaultStatus.None)
        {
            if (kind == AccessKind.Execute)
            {
                Record(ExceptionClass.InstructionAbort, w.StatusCode, va);
            }
            else
            {
                Record(ExceptionClass.DataAbort, w.StatusCode | (kind == AccessKind.Write ? Iss.Write : 0), va);
            }

            return false;
        }

        if (w.Large && ((w.Reach - 1) & largestMask) != 0)
        {
            largestMask = ~(w.Reach - 1);
        }

        if (kind == AccessKind.Execute)
        {
            CodeFetched(va, w.Large ? w.Reach : 0);
            NoteGuarded(va, w.Guarded);
        }

        translation.PhysicalPage = w.Physical & TlbEntry.PageMask;
        translation.Readable = w.Readable;
        translation.Writable = w.Writable;
        translation.LargeSize = w.Reach;
        translation.Info = (w.IsDevice ? TlbInfo.Device : 0)
            | ((a->System.El1.Sctlr & Sctlr.A) != 0 ? TlbInfo.CheckAlignment : 0)
            | (w.NonGlobal ? TlbInfo.NonGlobal : 0)
            | (w.Large ? TlbInfo.Large : 0)
            | (w.UserAccessible ? TlbInfo.UserAccessible : 0)
            | WatchedInfo(va);
        return true;
    }

    /// <summary>An instruction address with its tag removed where TBI applies to instructions (Arm ARM, AArch64.BranchAddr).</summary>
    internal ulong CanonicalInstructionAddress(ulong va)
    {
        var high = ((va >> 55) & 1) != 0;
        if (!(high ? regime.High.TopByteIgnoredForInstructions : regime.Low.TopByteIgnoredForInstructions))
        {
            return va;
        }

        return high ? va | 0xFF00_0000_0000_0000 : va & 0x00FF_FFFF_FFFF_FFFF;
    }

    /// <summary>Walks the tables for one access.</summary>
    /// <param name="va">Virtual address.</param>
    /// <param name="kind">What the access does.</param>
    /// <param name="user">Made with EL0 permissions.</param>
    /// <param name="pan">PSTATE.PAN applies.</param>
    /// <param name="purpose">What for.</param>
    /// <param name="w">The outcome.</param>
    internal void Walk(ulong va, AccessKind kind, bool user, bool pan, WalkPurpose purpose, out WalkResult w)
    {
        while (!TryWalk(va, kind, user, pan, purpose, out w))
        {
            // A descriptor changed between being read and being updated by hardware: read the tables again.
        }
    }

    private bool TryWalk(ulong va, AccessKind kind, bool user, bool pan, WalkPurpose purpose, out WalkResult w)
    {
        w = default;
        w.Status = FaultStatus.None;
        var high = ((va >> 55) & 1) != 0;
        ref var half = ref high ? ref regime.High : ref regime.Low;
        var ignored = kind == AccessKind.Execute ? half.TopByteIgnoredForInstructions : half.TopByteIgnored;
        if ((a->System.El1.Sctlr & Sctlr.M) == 0)
        {
            WalkDisabled(va, kind, ignored, ref w);
            return true;
        }

        var top = ignored ? 8 : 0;
        var extension = (long)(va << top) >> (top + half.InputSize);
        if (half.Invalid || half.Disabled || (user && half.UnprivilegedDisabled) || extension != (high ? -1 : 0))
        {
            w.Status = FaultStatus.Translation;
            return true;
        }

        var ttbr = high ? a->System.El1.Ttbr1 : a->System.El1.Ttbr0;
        var shift = half.GranuleShift;
        var stride = shift - 3;
        var level = half.StartLevel;
        var levelShift = shift + ((3 - level) * stride);
        var indexBits = half.InputSize - levelShift;
        var table = TableBase(ttbr, in half, indexBits);
        if (table >> half.OutputSize != 0)
        {
            w.Status = FaultStatus.AddressSize;
            return true;
        }

        ulong hierarchy = 0;
        while (true)
        {
            w.Level = level;
            var entry = table + (((va >> levelShift) & ((1UL << indexBits) - 1)) << 3);
            var pointer = (ulong*)Memory.TryGetPointer(entry, sizeof(ulong), forWrite: false);
            if (pointer == null)
            {
                w.Status = FaultStatus.ExternalOnWalk;
                return true;
            }

            var descriptor = Volatile.Read(ref *pointer);
            if ((descriptor & DescriptorValid) == 0 || (level == 3 && (descriptor & DescriptorTable) == 0))
            {
                w.Status = FaultStatus.Translation;
                return true;
            }

            if (level < 3 && (descriptor & DescriptorTable) != 0)
            {
                if (!half.HierarchyDisabled)
                {
                    hierarchy |= descriptor;
                }

                table = OutputAddress(descriptor, in half, shift);
                if (table >> half.OutputSize != 0)
                {
                    w.Status = FaultStatus.AddressSize;
                    return true;
                }

                level++;
                levelShift -= stride;
                indexBits = stride;
                continue;
            }

            if (level < 3 && !BlockAllowed(level, in half))
            {
                w.Status = FaultStatus.Translation;
                return true;
            }

            w.Size = 1UL << levelShift;
            w.Physical = OutputAddress(descriptor, in half, levelShift);
            if (w.Physical >> half.OutputSize != 0)
            {
                w.Status = FaultStatus.AddressSize;
                return true;
            }

            w.Physical |= va & (w.Size - 1);
            var contiguous = (descriptor & DescriptorContiguous) != 0;
            w.Large = level < 3 || contiguous;
            w.Reach = contiguous ? w.Size * ContiguousEntries(shift, level) : w.Size;
            return Leaf(descriptor, hierarchy, entry, pointer, kind, user, pan, purpose, in half, ref w);
        }
    }

    /// <summary>The access flag, permissions and attributes of a page or block descriptor; false to walk again.</summary>
    private bool Leaf(
        ulong descriptor, ulong hierarchy, ulong entry, ulong* pointer, AccessKind kind, bool user, bool pan, WalkPurpose purpose, in TranslationHalf half, ref WalkResult w)
    {
        if ((descriptor & DescriptorAccessed) == 0)
        {
            if (!regime.HardwareAccessFlag)
            {
                w.Status = FaultStatus.AccessFlag;
                return true;
            }

            if (!UpdateDescriptor(pointer, entry, descriptor, descriptor | DescriptorAccessed, ref w))
            {
                return w.Status != FaultStatus.None;
            }

            descriptor |= DescriptorAccessed;
        }

        var sctlr = a->System.El1.Sctlr;
        var userAccess = (descriptor & DescriptorUser) != 0 && (hierarchy & TableNoUser) == 0;
        var clean = (descriptor & DescriptorReadOnly) != 0;
        var mayDirty = clean && regime.HardwareDirty && (descriptor & DescriptorDirtyModifier) != 0;
        var write = (!clean || mayDirty) && (hierarchy & TableReadOnly) == 0;
        var uxn = ((descriptor & DescriptorUxn) | (hierarchy & TableUxn)) != 0;
        var pxn = ((descriptor & DescriptorPxn) | (hierarchy & TablePxn)) != 0;
        var wxn = (sctlr & Sctlr.WXN) != 0;
        bool readable, writable, executable;
        if (user)
        {
            readable = userAccess;
            writable = userAccess && write;
            executable = !uxn && !(wxn && writable);
        }
        else
        {
            readable = true;
            writable = write;
            executable = !pxn && !(userAccess && write) && !(wxn && write);
            if (pan && (userAccess || (!uxn && (sctlr & Sctlr.EPAN) != 0)))
            {
                readable = false;
                writable = false;
            }
        }

        if (!(kind switch { AccessKind.Read => readable, AccessKind.Write => writable, _ => executable }))
        {
            w.Status = FaultStatus.Permission;
            return true;
        }

        if (mayDirty && kind == AccessKind.Write && purpose == WalkPurpose.Access)
        {
            if (!UpdateDescriptor(pointer, entry, descriptor, descriptor & ~DescriptorReadOnly, ref w))
            {
                return w.Status != FaultStatus.None;
            }

            mayDirty = false;
        }

        w.Readable = readable;
        w.Writable = writable && !mayDirty;
        w.UserAccessible = userAccess;
        w.NonGlobal = (descriptor & DescriptorNonGlobal) != 0;
        w.Guarded = (descriptor & DescriptorGuarded) != 0;
        w.Attribute = (byte)(a->System.El1.Mair >> (int)((descriptor >> 2) & 7) * 8);
        w.Shareability = (byte)(half.LargeAddresses ? half.Shareability : (descriptor >> 8) & 3);
        return true;
    }

    /// <summary>Hardware update of a descriptor. False when it failed: with a fault when its memory cannot be written, else because the descriptor changed.</summary>
    private bool UpdateDescriptor(ulong* pointer, ulong entry, ulong old, ulong value, ref WalkResult w)
    {
        if (Memory.TryGetPointer(entry, sizeof(ulong), forWrite: true) == null)
        {
            w.Status = FaultStatus.UnsupportedUpdate;
            return false;
        }

        if (Interlocked.CompareExchange(ref *pointer, value, old) != old)
        {
            return false;
        }

        Memory.NotifyWritten(entry, sizeof(ulong));
        return true;
    }

    private void WalkDisabled(ulong va, AccessKind kind, bool topByteIgnored, ref WalkResult w)
    {
        var address = topByteIgnored ? va & 0x00FF_FFFF_FFFF_FFFF : va;
        if (address >> TranslationRegime.PhysicalSize(Cluster.Features) != 0)
        {
            w.Status = FaultStatus.AddressSize;
            return;
        }

        // Data: Device-nGnRnE. Instructions: Normal, whatever SCTLR.I says about caching them.
        w.Physical = address;
        w.Size = 0x1000;
        w.Reach = w.Size;
        w.Readable = true;
        w.Writable = true;
        w.Attribute = kind == AccessKind.Execute ? (byte)0xFF : (byte)0;
        w.Shareability = 2;
    }

    private static bool BlockAllowed(int level, in TranslationHalf half) => half.GranuleShift switch
    {
        12 => level is 1 or 2 || (level == 0 && half.LargeAddresses),
        14 => level == 2 || (level == 1 && half.LargeAddresses),
        _ => level == 2 || (level == 1 && half.LargeLeaves),
    };

    /// <summary>Entries of a run with the Contiguous hint (Arm ARM D8.6.1).</summary>
    private static uint ContiguousEntries(int granuleShift, int level) => granuleShift switch { 12 => 16, 14 => level == 3 ? 128u : 32, _ => 32 };

    /// <summary>Table base of a TTBR: aligned to the size of the first table, with the upper bits of 52-bit formats.</summary>
    private static ulong TableBase(ulong ttbr, in TranslationHalf half, int indexBits)
    {
        const ulong Low48 = 0x0000_FFFF_FFFF_FFFF;
        var alignment = Math.Max(indexBits + 3, 3);
        if (half.LargeBase)
        {
            // BADDR[5:2] hold address bits 51:48, and the table is at least 64-byte aligned.
            alignment = Math.Max(alignment, 6);
            return (((ttbr & Low48) >> alignment) << alignment) | (((ttbr >> 2) & 15) << 48);
        }

        return ((ttbr & Low48 & ~1UL) >> alignment) << alignment;
    }

    /// <summary>The address in a descriptor, cleared below <paramref name="shift"/>.</summary>
    private static ulong OutputAddress(ulong descriptor, in TranslationHalf half, int shift)
    {
        const ulong Low48 = 0x0000_FFFF_FFFF_FFFF;
        var mask = ulong.MaxValue << shift;
        if (half.LargeAddresses)
        {
            // Bits 49:shift in place, 51:50 in bits 9:8.
            return (descriptor & 0x0003_FFFF_FFFF_FFFF & mask) | (((descriptor >> 8) & 3) << 50);
        }

        if (half.LargeLeaves)
        {
            return (descriptor & Low48 & mask) | (((descriptor >> 12) & 15) << 48);
        }

        return descriptor & Low48 & mask;
    }
}
