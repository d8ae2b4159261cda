// Memory copy and memory set instructions (FEAT_MOPS): rows, translation and helpers.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>CPYF*, CPY* and SET*, by Option A (Arm ARM C4.1.96 "Memory Copy and Memory Set").</summary>
/// <remarks>
/// Option A keeps all progress in Xn: forward, Xd and Xs hold the end addresses and Xn is minus the bytes left; backward, they hold the
/// start addresses and Xn is the bytes left. The prologue only converts to that form, the main instruction moves everything, the epilogue
/// finishes what an interrupted main instruction would have left. A fault or an interrupt in between finds the registers exact: after
/// <see cref="Budget"/> bytes the instruction is left unretired and executed again.
/// </remarks>
public static unsafe class Mops
{
    /// <summary>ESR_ELx.EC of the Memory Copy and Memory Set exception.</summary>
    public const int ExceptionClass = 0x27;

    /// <summary>Bytes moved before other work of the vCPU is looked at.</summary>
    public const ulong Budget = 256 << 10;

    private const string Feature = "FEAT_MOPS";
    private const ulong LargestForward = 0x7FFF_FFFF_FFFF_FFFF;
    private const ulong LargestCopy = 0x007F_FFFF_FFFF_FFFF;
    private const ulong AddressBits = 0x00FF_FFFF_FFFF_FFFF;
    private const ulong OptionBFlag = 2;
    private const int SctlrMscEn = 33;

    // ISS of the exception.
    private const uint IssMemorySet = 1u << 24;
    private const int IssOptionsShift = 19;
    private const uint IssFromEpilogue = 1u << 18;
    private const uint IssWrongOption = 1u << 17;
    private const uint IssOptionA = 1u << 16;
    private const int IssDestinationShift = 10;
    private const int IssSourceShift = 5;

    // Aux of the helpers: the instruction word.
    private const uint ForwardOnlyClear = 1u << 26;
    private const uint StageEpilogueCopy = 1u << 23;
    private const uint StageEpilogueSet = 1u << 15;
    private const uint WriteUnprivileged = 1u << 12;
    private const uint ReadUnprivileged = 1u << 13;

    /// <summary>The rows. op2 (pppp) gives non-temporal and unprivileged accesses.</summary>
    public static A64Row[] Rows =>
    [
        new("CPYFP", "00011001000ssssspppp01nnnnnddddd", &CopyPrologueRow, Feature),
        new("CPYFM", "00011001010ssssspppp01nnnnnddddd", &CopyRow, Feature),
        new("CPYFE", "00011001100ssssspppp01nnnnnddddd", &CopyRow, Feature),
        new("CPYP", "00011101000ssssspppp01nnnnnddddd", &CopyPrologueRow, Feature),
        new("CPYM", "00011101010ssssspppp01nnnnnddddd", &CopyRow, Feature),
        new("CPYE", "00011101100ssssspppp01nnnnnddddd", &CopyRow, Feature),
        new("SETP", "00011001110sssss00pp01nnnnnddddd", &SetPrologueRow, Feature),
        new("SETM", "00011001110sssss01pp01nnnnnddddd", &SetRow, Feature),
        new("SETE", "00011001110sssss10pp01nnnnnddddd", &SetRow, Feature),
        new("SETGP, SETGM, SETGE", "00011101110sssssoopp01nnnnnddddd", A64RowStatus.NotYet, "FEAT_MTE"),
    ];

    private static bool DistinctRegisters(uint w, bool sourceMayBeZero)
    {
        uint d = Bits(w, 4, 0), n = Bits(w, 9, 5), s = Bits(w, 20, 16);
        return d != n && d != s && n != s && d != 31 && n != 31 && (s != 31 || sourceMayBeZero);
    }

    private static bool CopyPrologueRow(A64Translator t, uint w)
    {
        if (!t.Features.Has(A64Feature.MOPS) || !DistinctRegisters(w, sourceMayBeZero: false))
        {
            return false;
        }

        t.B.CallChecked(&CopyPrologue, X(w), X(Bits(w, 20, 16)), X(Bits(w, 9, 5)), aux: w);
        return true;
    }

    private static bool CopyRow(A64Translator t, uint w)
    {
        if (!t.Features.Has(A64Feature.MOPS) || !DistinctRegisters(w, sourceMayBeZero: false))
        {
            return false;
        }

        t.B.CallChecked(&Copy, X(w), X(Bits(w, 20, 16)), X(Bits(w, 9, 5)), aux: w);
        return true;
    }

    private static bool SetPrologueRow(A64Translator t, uint w)
    {
        if (!t.Features.Has(A64Feature.MOPS) || !DistinctRegisters(w, sourceMayBeZero: true))
        {
            return false;
        }

        t.B.CallChecked(&SetPrologue, X(w), X(Bits(w, 20, 16)), X(Bits(w, 9, 5)), aux: w);
        return true;
    }

    private static bool SetRow(A64Translator t, uint w)
    {
        if (!t.Features.Has(A64Feature.MOPS) || !DistinctRegisters(w, sourceMayBeZero: true))
        {
            return false;
        }

        t.B.CallChecked(&Set, X(w), X(Bits(w, 20, 16)), X(Bits(w, 9, 5)), aux: w);
        return true;
    }

    /// <summary>EL0 needs SCTLR_EL1.MSCEn; otherwise the instructions are UNDEFINED there.</summary>
    private static bool Permitted(CpuState* s)
    {
        var a = (Arm64State*)s;
        if (a->System.CurrentEl != 0 || ((a->System.El1.Sctlr >> SctlrMscEn) & 1) != 0)
        {
            return true;
        }

        ((IA64Exceptions)CpuState.OwnerOf(s)).RecordException(0, 0);
        return false;
    }

    private static int CopyPrologue(CpuState* s, MicroOp* op)
    {
        if (!Permitted(s))
        {
            return Status.Fault;
        }

        ref var to = ref *(ulong*)((byte*)s + op->D);
        ref var from = ref *(ulong*)((byte*)s + op->A);
        ref var size = ref *(ulong*)((byte*)s + op->B);
        var forwardOnly = (op->Aux & ForwardOnlyClear) == 0;
        size = Math.Min(size, forwardOnly ? LargestForward : LargestCopy);
        ulong source = from & AddressBits, destination = to & AddressBits;
        if (forwardOnly || source >= destination || ((source + size) & AddressBits) <= destination)
        {
            to += size;
            from += size;
            size = 0 - size;
        }

        s->Flags = 0;
        return Status.Continue;
    }

    private static int SetPrologue(CpuState* s, MicroOp* op)
    {
        if (!Permitted(s))
        {
            return Status.Fault;
        }

        ref var size = ref *(ulong*)((byte*)s + op->B);
        size = Math.Min(size, LargestForward);
        *(ulong*)((byte*)s + op->D) += size;
        size = 0 - size;
        s->Flags = 0;
        return Status.Continue;
    }

    /// <summary>The registers must be in Option A's form (PSTATE.C clear).</summary>
    private static bool RightOption(CpuState* s, MicroOp* op, bool set)
    {
        if ((s->Flags & OptionBFlag) == 0)
        {
            return true;
        }

        var w = op->Aux;
        var epilogue = (w & (set ? StageEpilogueSet : StageEpilogueCopy)) != 0;
        ((IA64Exceptions)CpuState.OwnerOf(s)).RecordException(
            ExceptionClass,
            (set ? IssMemorySet : 0) | ((set ? Bits(w, 13, 12) : Bits(w, 15, 12)) << IssOptionsShift) | (epilogue ? IssFromEpilogue : 0) | IssWrongOption | IssOptionA
                | (Bits(w, 4, 0) << IssDestinationShift) | (Bits(w, 20, 16) << IssSourceShift) | Bits(w, 9, 5));
        return false;
    }

    private static int Copy(CpuState* s, MicroOp* op)
    {
        ref var size = ref *(ulong*)((byte*)s + op->B);
        if (!Permitted(s) || (size != 0 && !RightOption(s, op, set: false)))
        {
            return Status.Fault;
        }

        ulong to = *(ulong*)((byte*)s + op->D), from = *(ulong*)((byte*)s + op->A);
        var forwardOnly = (op->Aux & ForwardOnlyClear) == 0;
        if (forwardOnly && (long)size > 0)
        {
            // Not a value the prologue leaves.
            return Status.Continue;
        }

        for (ulong moved = 0; size != 0;)
        {
            if (moved >= Budget)
            {
                return Status.Fault;
            }

            var forward = (long)size < 0;
            ulong left = forward ? 0 - size : size, n;
            ulong target, source;
            if (forward)
            {
                target = to + size;
                source = from + size;
                n = Math.Min(left, Math.Min(0x1000 - (target & 0xFFF), 0x1000 - (source & 0xFFF)));
            }
            else
            {
                var lastTarget = to + size - 1;
                var lastSource = from + size - 1;
                n = Math.Min(left, Math.Min((lastTarget & 0xFFF) + 1, (lastSource & 0xFFF) + 1));
                target = lastTarget - n + 1;
                source = lastSource - n + 1;
            }

            // The first byte of the run names the address of a fault.
            var edge = forward ? 0 : n - 1;
            var readUnprivileged = (op->Aux & ReadUnprivileged) != 0;
            var writeUnprivileged = (op->Aux & WriteUnprivileged) != 0;
            var read = MemoryAccess.Probe(s, op, source + edge, 1, write: false, out var readStatus, readUnprivileged);
            if (readStatus == Status.Fault)
            {
                return Status.Fault;
            }

            var write = Writable(s, op, target + edge, writeUnprivileged, out var physical, out var writeStatus);
            if (writeStatus == Status.Fault)
            {
                return Status.Fault;
            }

            if (read == null || write == null)
            {
                // A device or ROM: one byte, then out of the block as after any device access.
                byte value;
                if (MemoryAccess.Load(s, op, source + edge, 1, &value, readUnprivileged) == Status.Fault
                    || MemoryAccess.Store(s, op, target + edge, 1, &value, writeUnprivileged) == Status.Fault)
                {
                    return Status.Fault;
                }

                size = forward ? size + 1 : size - 1;
                return size == 0 ? Status.ExitNext : Status.Fault;
            }

            if (IsWatched(s, source + edge, readUnprivileged) || IsWatched(s, target + edge, writeUnprivileged))
            {
                // Up to the watched byte, which the probe stops at.
                n = 1;
                edge = 0;
            }

            // Code in the bytes written is dropped afterwards (the probe looked at one byte only).
            Buffer.MemoryCopy(read - edge, write - edge, n, n);
            CpuState.OwnerOf(s).Memory.NotifyWritten(physical - edge, n);
            size = forward ? size + n : size - n;
            moved += n;
        }

        return Status.Continue;
    }

    private static int Set(CpuState* s, MicroOp* op)
    {
        ref var size = ref *(ulong*)((byte*)s + op->B);
        if (!Permitted(s) || (size != 0 && !RightOption(s, op, set: true)))
        {
            return Status.Fault;
        }

        var to = *(ulong*)((byte*)s + op->D);
        var value = *((byte*)s + op->A);
        if ((long)size > 0)
        {
            // Not a value the prologue leaves.
            return Status.Continue;
        }

        for (ulong moved = 0; size != 0;)
        {
            if (moved >= Budget)
            {
                return Status.Fault;
            }

            var target = to + size;
            var n = Math.Min(0 - size, 0x1000 - (target & 0xFFF));
            var unprivileged = (op->Aux & WriteUnprivileged) != 0;
            var write = Writable(s, op, target, unprivileged, out var physical, out var status);
            if (status == Status.Fault)
            {
                return Status.Fault;
            }

            if (write == null)
            {
                if (MemoryAccess.Store(s, op, target, 1, &value, unprivileged) == Status.Fault)
                {
                    return Status.Fault;
                }

                size++;
                return size == 0 ? Status.ExitNext : Status.Fault;
            }

            n = IsWatched(s, target, unprivileged) ? 1 : n;
            new Span<byte>(write, (int)n).Fill(value);
            CpuState.OwnerOf(s).Memory.NotifyWritten(physical, n);
            size += n;
            moved += n;
        }

        return Status.Continue;
    }

    /// <summary>Host address of a byte to write, and its guest-physical address.</summary>
    private static byte* Writable(CpuState* s, MicroOp* op, ulong va, bool unprivileged, out ulong physical, out int status)
    {
        var host = MemoryAccess.Probe(s, op, va, 1, write: true, out status, unprivileged);
        physical = (Entry(s, va, unprivileged)->Info & TlbEntry.PageMask) | (va & ~TlbEntry.PageMask);
        return host;
    }

    /// <summary>A watchpoint watches something on the page of a byte that was probed.</summary>
    private static bool IsWatched(CpuState* s, ulong va, bool unprivileged) => (Entry(s, va, unprivileged)->Info & (ulong)TlbInfo.Watched) != 0;

    private static TlbEntry* Entry(CpuState* s, ulong va, bool unprivileged) =>
        (TlbEntry*)((unprivileged ? s->TlbUnprivileged : s->Tlb) + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
}
