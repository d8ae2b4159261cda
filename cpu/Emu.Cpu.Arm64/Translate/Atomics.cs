// Ordered and exclusive loads and stores, and the atomics of FEAT_LSE: rows and translation. The helpers are in ExclusiveHelpers and AtomicHelpers.
using System.Globalization;
using System.Runtime.InteropServices;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>"Load/store exclusive", "ordered", "compare and swap", "atomic memory operations" (Arm ARM C4.1.96).</summary>
/// <remarks>
/// Host loads acquire and host stores release on x86, so an acquire is a plain load and a release a plain store followed by a full barrier
/// (which keeps STLR before a later LDAR). On a weakly ordered host further barriers are emitted. Atomics are full barriers.
/// </remarks>
public static unsafe class Atomics
{
    private static readonly bool WeakHost = RuntimeInformation.ProcessArchitecture is not (Architecture.X64 or Architecture.X86);

    private static readonly string[] Sizes = ["00", "01", "10", "11"];

    private static readonly string[] Suffixes = ["B", "H", " (32-bit)", " (64-bit)"];

    /// <summary>The rows.</summary>
    public static A64Row[] Rows =>
    [
        .. BySize("STXR", "{0}001000000sssss0uuuuunnnnnttttt", &StoreExclusive),
        .. BySize("STLXR", "{0}001000000sssss1uuuuunnnnnttttt", &StoreExclusive),
        .. BySize("LDXR", "{0}001000010sssss0uuuuunnnnnttttt", &LoadExclusive),
        .. BySize("LDAXR", "{0}001000010sssss1uuuuunnnnnttttt", &LoadExclusive),
        new("STXP", "1z001000001sssss0uuuuunnnnnttttt", &StoreExclusivePair),
        new("STLXP", "1z001000001sssss1uuuuunnnnnttttt", &StoreExclusivePair),
        new("LDXP", "1z001000011sssss0uuuuunnnnnttttt", &LoadExclusivePair),
        new("LDAXP", "1z001000011sssss1uuuuunnnnnttttt", &LoadExclusivePair),
        new("CLREX", "11010101000000110011mmmm01011111", &Clrex),
        .. BySize("STLLR", "{0}001000100sssss0uuuuunnnnnttttt", &StoreRelease, "FEAT_LOR"),
        .. BySize("STLR", "{0}001000100sssss1uuuuunnnnnttttt", &StoreRelease),
        .. BySize("LDLAR", "{0}001000110sssss0uuuuunnnnnttttt", &LoadAcquire, "FEAT_LOR"),
        .. BySize("LDAR", "{0}001000110sssss1uuuuunnnnnttttt", &LoadAcquire),
        .. BySize("LDAPR", "{0}111000101111111100 00nnnnnttttt", &LoadAcquire, "FEAT_LRCPC"),
        .. BySize("STLUR", "{0}011001000iiiiiiiii00nnnnnttttt", &StoreReleaseUnscaled, "FEAT_LRCPC2"),
        .. BySize("LDAPUR", "{0}011001010iiiiiiiii00nnnnnttttt", &LoadAcquireUnscaled, "FEAT_LRCPC2"),
        new("LDAPURSB (64-bit)", "00011001100iiiiiiiii00nnnnnttttt", &LoadAcquireUnscaled, "FEAT_LRCPC2"),
        new("LDAPURSB (32-bit)", "00011001110iiiiiiiii00nnnnnttttt", &LoadAcquireUnscaled, "FEAT_LRCPC2"),
        new("LDAPURSH (64-bit)", "01011001100iiiiiiiii00nnnnnttttt", &LoadAcquireUnscaled, "FEAT_LRCPC2"),
        new("LDAPURSH (32-bit)", "01011001110iiiiiiiii00nnnnnttttt", &LoadAcquireUnscaled, "FEAT_LRCPC2"),
        new("LDAPURSW", "10011001100iiiiiiiii00nnnnnttttt", &LoadAcquireUnscaled, "FEAT_LRCPC2"),
        .. BySize("CAS", "{0}0010001a1sssssr11111nnnnnttttt", &CompareAndSwap, "FEAT_LSE"),
        new("CASP (32-bit)", "000010000a1sssssr11111nnnnnttttt", &CompareAndSwapPair, "FEAT_LSE"),
        new("CASP (64-bit)", "010010000a1sssssr11111nnnnnttttt", &CompareAndSwapPair, "FEAT_LSE"),
        .. BySize("LDADD", "{0}111000ar1sssss000000nnnnnttttt", &LdAdd, "FEAT_LSE"),
        .. BySize("LDCLR", "{0}111000ar1sssss000100nnnnnttttt", &LdClr, "FEAT_LSE"),
        .. BySize("LDEOR", "{0}111000ar1sssss001000nnnnnttttt", &LdEor, "FEAT_LSE"),
        .. BySize("LDSET", "{0}111000ar1sssss001100nnnnnttttt", &LdSet, "FEAT_LSE"),
        .. BySize("LDSMAX", "{0}111000ar1sssss010000nnnnnttttt", &LdSMax, "FEAT_LSE"),
        .. BySize("LDSMIN", "{0}111000ar1sssss010100nnnnnttttt", &LdSMin, "FEAT_LSE"),
        .. BySize("LDUMAX", "{0}111000ar1sssss011000nnnnnttttt", &LdUMax, "FEAT_LSE"),
        .. BySize("LDUMIN", "{0}111000ar1sssss011100nnnnnttttt", &LdUMin, "FEAT_LSE"),
        .. BySize("SWP", "{0}111000ar1sssss100000nnnnnttttt", &Swp, "FEAT_LSE"),
        new("ST64B", "1111100000111111100100nnnnnttttt", A64RowStatus.Undefined, "FEAT_LS64"),
        new("LD64B", "1111100000111111110100nnnnnttttt", A64RowStatus.Undefined, "FEAT_LS64"),
        new("ST64BV", "11111000001sssss101100nnnnnttttt", A64RowStatus.Undefined, "FEAT_LS64_V"),
        new("ST64BV0", "11111000001sssss101000nnnnnttttt", A64RowStatus.Undefined, "FEAT_LS64_ACCDATA"),
        new("RCWCLR, RCWSCLR", "0z111000ar1sssss100100nnnnnttttt", A64RowStatus.Undefined, "FEAT_THE"),
        new("RCWSWP, RCWSSWP", "0z111000ar1sssss101000nnnnnttttt", A64RowStatus.Undefined, "FEAT_THE"),
        new("RCWSET, RCWSSET", "0z111000ar1sssss101100nnnnnttttt", A64RowStatus.Undefined, "FEAT_THE"),
        new("RCWCAS, RCWCASP and RCWS forms", "0z011001ar1sssss00001pnnnnnttttt", A64RowStatus.Undefined, "FEAT_THE"),
        new("LDCLRP", "00011001ar1sssss000100nnnnnttttt", A64RowStatus.Undefined, "FEAT_LSE128"),
        new("LDSETP", "00011001ar1sssss001100nnnnnttttt", A64RowStatus.Undefined, "FEAT_LSE128"),
        new("SWPP", "00011001ar1sssss100000nnnnnttttt", A64RowStatus.Undefined, "FEAT_LSE128"),
    ];

    private static A64Row[] BySize(string name, string pattern, delegate*<A64Translator, uint, bool> handler, string feature = "")
    {
        var rows = new A64Row[4];
        for (var i = 0; i < 4; i++)
        {
            rows[i] = new(name + Suffixes[i], string.Format(CultureInfo.InvariantCulture, pattern, Sizes[i]), handler, feature);
        }

        return rows;
    }

    private static void CheckAlignment(A64Translator t, uint n, uint size, long offset, bool write)
    {
        t.CheckSp(n);
        if (size != 0)
        {
            t.B.Emit(MicroOpKind.CheckAlignment, a: Sp(n), imm: offset, aux: (1u << (int)size) - 1, c: (ushort)(write ? 1 : 0));
        }
    }

    private static void EmitLoadAcquire(A64Translator t, uint w, long offset, uint opc)
    {
        uint size = Bits(w, 31, 30), n = Bits(w, 9, 5);
        CheckAlignment(t, n, size, offset, write: false);
        var kind = (opc, size) switch
        {
            (2, 0) => MicroOpKind.LdS8,
            (2, 1) => MicroOpKind.LdS16,
            (2, _) => MicroOpKind.LdS32,
            (3, 0) => MicroOpKind.LdS8To32,
            (3, _) => MicroOpKind.LdS16To32,
            (_, 0) => MicroOpKind.Ld8,
            (_, 1) => MicroOpKind.Ld16,
            (_, 2) => MicroOpKind.Ld32,
            _ => MicroOpKind.Ld64,
        };
        t.B.Emit(kind, Xd(w), Sp(n), imm: offset);
        if (WeakHost)
        {
            t.B.Emit(MicroOpKind.Fence);
        }
    }

    private static void EmitStoreRelease(A64Translator t, uint w, long offset)
    {
        uint size = Bits(w, 31, 30), n = Bits(w, 9, 5);
        CheckAlignment(t, n, size, offset, write: true);
        if (WeakHost)
        {
            t.B.Emit(MicroOpKind.Fence);
        }

        var kind = size switch { 0 => MicroOpKind.St8, 1 => MicroOpKind.St16, 2 => MicroOpKind.St32, _ => MicroOpKind.St64 };
        t.B.Emit(kind, X(w), Sp(n), imm: offset);
        t.B.Emit(MicroOpKind.Fence);
    }

    private static bool LoadAcquire(A64Translator t, uint w)
    {
        EmitLoadAcquire(t, w, 0, 1);
        return true;
    }

    private static bool LoadAcquireUnscaled(A64Translator t, uint w)
    {
        EmitLoadAcquire(t, w, SignedBits(w, 20, 12), Bits(w, 23, 22));
        return true;
    }

    private static bool StoreRelease(A64Translator t, uint w)
    {
        EmitStoreRelease(t, w, 0);
        return true;
    }

    private static bool StoreReleaseUnscaled(A64Translator t, uint w)
    {
        EmitStoreRelease(t, w, SignedBits(w, 20, 12));
        return true;
    }

    private static bool LoadExclusive(A64Translator t, uint w)
    {
        var n = Bits(w, 9, 5);
        t.CheckSp(n);
        t.B.CallChecked(&ExclusiveHelpers.Load, Xd(w), Sp(n), aux: Bits(w, 31, 30));
        if (WeakHost)
        {
            t.B.Emit(MicroOpKind.Fence);
        }

        return true;
    }

    private static bool LoadExclusivePair(A64Translator t, uint w)
    {
        var n = Bits(w, 9, 5);
        t.CheckSp(n);
        if (Bit(w, 30) != 0)
        {
            t.B.CallChecked(&ExclusiveHelpers.LoadPair64, Xd(w), Sp(n), Xd(Bits(w, 14, 10)));
        }
        else
        {
            t.B.CallChecked(&ExclusiveHelpers.LoadPair32, Xd(w), Sp(n), Xd(Bits(w, 14, 10)));
        }

        if (WeakHost)
        {
            t.B.Emit(MicroOpKind.Fence);
        }

        return true;
    }

    private static bool StoreExclusive(A64Translator t, uint w)
    {
        var n = Bits(w, 9, 5);
        t.CheckSp(n);
        t.B.CallChecked(&ExclusiveHelpers.Store, Xd(Bits(w, 20, 16)), Sp(n), X(w), aux: Bits(w, 31, 30));
        return true;
    }

    private static bool StoreExclusivePair(A64Translator t, uint w)
    {
        var n = Bits(w, 9, 5);
        t.CheckSp(n);
        if (Bit(w, 30) != 0)
        {
            t.B.CallChecked(&ExclusiveHelpers.StorePair64, Xd(Bits(w, 20, 16)), Sp(n), X(w), X(Bits(w, 14, 10)));
        }
        else
        {
            t.B.CallChecked(&ExclusiveHelpers.StorePair32, Xd(Bits(w, 20, 16)), Sp(n), X(w), X(Bits(w, 14, 10)));
        }

        return true;
    }

    private static bool Clrex(A64Translator t, uint w)
    {
        t.B.Emit(MicroOpKind.MovI, ExclusiveHelpers.AddressSlot, imm: -1);
        return true;
    }

    private static bool CompareAndSwap(A64Translator t, uint w)
    {
        uint n = Bits(w, 9, 5), s = Bits(w, 20, 16);
        t.CheckSp(n);
        t.B.CallChecked(&AtomicHelpers.CompareAndSwap, Xd(s), Sp(n), X(w), c: X(s), aux: Bits(w, 31, 30));
        return true;
    }

    private static bool CompareAndSwapPair(A64Translator t, uint w)
    {
        uint n = Bits(w, 9, 5), s = Bits(w, 20, 16);
        if ((s & 1) != 0 || (w & 1) != 0)
        {
            return false;
        }

        t.CheckSp(n);
        if (Bit(w, 30) != 0)
        {
            t.B.CallChecked(&AtomicHelpers.CompareAndSwapPair64, Xd(s), Sp(n), X(w));
        }
        else
        {
            t.B.CallChecked(&AtomicHelpers.CompareAndSwapPair32, Xd(s), Sp(n), X(w));
        }

        return true;
    }

    private static bool ReadModifyWrite(A64Translator t, uint w, delegate*<CpuState*, MicroOp*, int> helper)
    {
        var n = Bits(w, 9, 5);
        t.CheckSp(n);
        t.B.CallChecked(helper, Xd(w), Sp(n), X(Bits(w, 20, 16)), aux: Bits(w, 31, 30));
        return true;
    }

    private static bool LdAdd(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.Add>);

    private static bool LdClr(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.Clear>);

    private static bool LdEor(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.ExclusiveOr>);

    private static bool LdSet(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.Set>);

    private static bool LdSMax(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.SignedMaximum>);

    private static bool LdSMin(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.SignedMinimum>);

    private static bool LdUMax(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.UnsignedMaximum>);

    private static bool LdUMin(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.UnsignedMinimum>);

    private static bool Swp(A64Translator t, uint w) => ReadModifyWrite(t, w, &AtomicHelpers.Run<AtomicHelpers.Swap>);
}
