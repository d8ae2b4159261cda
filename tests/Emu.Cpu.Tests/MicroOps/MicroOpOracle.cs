// An independent statement of what each micro-op does, in arbitrary-precision arithmetic, from the doc comments of MicroOpKind.
using System.Numerics;
using System.Text.RegularExpressions;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Tests.MicroOps;

/// <summary>The state micro-ops work on, as plain bytes.</summary>
public sealed class OracleState
{
    public required byte[] Slots { get; init; }

    public required byte[] Memory { get; init; }

    /// <summary>Address of the block.</summary>
    public ulong BlockPc { get; init; }

    /// <summary>Length of the block in bytes: where the untaken side of a branch goes.</summary>
    public ulong BlockLength { get; init; }

    /// <summary>Where the block went, if it ended.</summary>
    public ulong? Target { get; set; }

    public bool Faulted { get; set; }

    /// <summary>What helpers do, by address.</summary>
    public Dictionary<long, Action<OracleState, MicroOp>> Helpers { get; init; } = [];

    public ulong Flags
    {
        get => this[CpuState.FlagsOffset];
        set => this[CpuState.FlagsOffset] = value;
    }

    public ulong this[int slot]
    {
        get => BitConverter.ToUInt64(Slots, slot);
        set => BitConverter.TryWriteBytes(Slots.AsSpan(slot, 8), value);
    }

    public BigInteger Vector(int slot) => new(Slots.AsSpan(slot, 16), isUnsigned: true);

    public void SetVector(int slot, BigInteger value) => ToBytes(value, 16).CopyTo(Slots, slot);

    public static byte[] ToBytes(BigInteger value, int size)
    {
        var bytes = new byte[size];
        MicroOpOracle.Unsigned(value, size * 8).TryWriteBytes(bytes, out _, isUnsigned: true);
        return bytes;
    }
}

/// <summary>Executes one micro-op on an <see cref="OracleState"/>.</summary>
public static partial class MicroOpOracle
{
    [GeneratedRegex("^(?<op>.*?)(?<width>32|64)$")]
    private static partial Regex Sized();

    [GeneratedRegex("^(?<op>Ld|St)(?<form>S|V|P|PV)?(?<size>8|16|32|64|128)(?<to>To32)?(?<x>X)?$")]
    private static partial Regex MemoryName();

    [GeneratedRegex("^V(?<op>Add|Sub|CmpEq|Dup)(?<lane>8|16|32|64)$")]
    private static partial Regex VectorName();

    public static BigInteger Unsigned(BigInteger value, int width) => value & ((BigInteger.One << width) - 1);

    public static BigInteger Signed(BigInteger value, int width)
    {
        value = Unsigned(value, width);
        return (value >> (width - 1)).IsZero ? value : value - (BigInteger.One << width);
    }

    /// <summary>Runs a micro-op.</summary>
    /// <returns>False when it faulted.</returns>
    public static bool Execute(OracleState s, in MicroOp op)
    {
        var name = op.Kind.ToString();
        switch (op.Kind)
        {
            case MicroOpKind.MovI: s[op.D] = (ulong)op.Imm; return true;
            case MicroOpKind.LeaPc: s[op.D] = s.BlockPc + (ulong)op.Imm; return true;
            case MicroOpKind.SMulAddL: s[op.D] = Wrap(s[op.C] + (Signed(s[op.A], 32) * Signed(s[op.B], 32))); return true;
            case MicroOpKind.SMulSubL: s[op.D] = Wrap(s[op.C] - (Signed(s[op.A], 32) * Signed(s[op.B], 32))); return true;
            case MicroOpKind.UMulAddL: s[op.D] = Wrap(s[op.C] + (Unsigned(s[op.A], 32) * Unsigned(s[op.B], 32))); return true;
            case MicroOpKind.UMulSubL: s[op.D] = Wrap(s[op.C] - (Unsigned(s[op.A], 32) * Unsigned(s[op.B], 32))); return true;
            case MicroOpKind.SMulH: s[op.D] = Wrap((Signed(s[op.A], 64) * Signed(s[op.B], 64)) >> 64); return true;
            case MicroOpKind.UMulH: s[op.D] = Wrap(((BigInteger)s[op.A] * s[op.B]) >> 64); return true;
            case MicroOpKind.Field: s[op.D] = (s[op.A] >> op.C) & (ulong)op.Imm; return true;
            case MicroOpKind.FieldInZero: s[op.D] = (s[op.A] & (ulong)op.Imm) << op.C; return true;
            case MicroOpKind.Rev64: s[op.D] = ReverseGroups(s[op.A], 64, 64); return true;
            case MicroOpKind.Rev32: s[op.D] = ReverseGroups(s[op.A], 32, 32); return true;
            case MicroOpKind.Rev32In64: s[op.D] = ReverseGroups(s[op.A], 64, 32); return true;
            case MicroOpKind.Rev16In64: s[op.D] = ReverseGroups(s[op.A], 64, 16); return true;
            case MicroOpKind.Rev16In32: s[op.D] = ReverseGroups(s[op.A], 32, 16); return true;
            case MicroOpKind.SExt8: s[op.D] = Wrap(Signed(s[op.A], 8)); return true;
            case MicroOpKind.SExt16: s[op.D] = Wrap(Signed(s[op.A], 16)); return true;
            case MicroOpKind.SExt32: s[op.D] = Wrap(Signed(s[op.A], 32)); return true;
            case MicroOpKind.SExt8To32: s[op.D] = (uint)(int)Signed(s[op.A], 8); return true;
            case MicroOpKind.SExt16To32: s[op.D] = (uint)(int)Signed(s[op.A], 16); return true;
            case MicroOpKind.GetFlags: s[op.D] = s.Flags << 28; return true;
            case MicroOpKind.SetFlags: s.Flags = (s[op.A] >> 28) & 15; return true;
            case MicroOpKind.LdUnprivileged:
                return Load(s, op, s[op.A] + (ulong)op.Imm, 8 << (int)(op.Aux & 3), (op.Aux & 4) != 0, (op.Aux & 8) != 0 ? 32 : 64);
            case MicroOpKind.StUnprivileged:
                Put(s, s[op.A] + (ulong)op.Imm, s[op.D], 1 << (int)(op.Aux & 3));
                return true;
            case MicroOpKind.CheckAlignment:
                s.Faulted = ((s[op.A] + (ulong)op.Imm) & op.Aux) != 0;
                return !s.Faulted;
            case MicroOpKind.CheckSp:
                s.Faulted = s[op.A] % 16 != 0;
                return !s.Faulted;
            case MicroOpKind.Fence: return true;
            case MicroOpKind.VMov: s.SetVector(op.D, s.Vector(op.A)); return true;
            case MicroOpKind.VMov64: s.SetVector(op.D, s[op.A]); return true;
            case MicroOpKind.VMovI: s.SetVector(op.D, (ulong)op.Imm * ((BigInteger.One << 64) + 1)); return true;
            case MicroOpKind.VMovI64: s.SetVector(op.D, (ulong)op.Imm); return true;
            case MicroOpKind.VAnd: s.SetVector(op.D, s.Vector(op.A) & s.Vector(op.B)); return true;
            case MicroOpKind.VOr: s.SetVector(op.D, s.Vector(op.A) | s.Vector(op.B)); return true;
            case MicroOpKind.VXor: s.SetVector(op.D, s.Vector(op.A) ^ s.Vector(op.B)); return true;
            case MicroOpKind.VAndNot: s.SetVector(op.D, s.Vector(op.A) & ~s.Vector(op.B)); return true;
            case MicroOpKind.VOrNot: s.SetVector(op.D, s.Vector(op.A) | ~s.Vector(op.B)); return true;
            case MicroOpKind.Call or MicroOpKind.CallFlags or (>= MicroOpKind.FAdd64 and <= MicroOpKind.CallVector):
                s.Helpers[op.Imm](s, op);
                return true;
            case MicroOpKind.CallPure or MicroOpKind.CallChecked:
                s.Helpers[op.Imm](s, op);
                return !s.Faulted;
            case MicroOpKind.CallEnd:
                s.Helpers[op.Imm](s, op);
                s.Target = s.BlockPc + op.C;
                return !s.Faulted;
            case MicroOpKind.Jump: s.Target = s.BlockPc + (ulong)op.Imm; return true;
            case MicroOpKind.JumpReg: s.Target = s[op.A]; return true;
            case MicroOpKind.BranchIf: return Branch(s, op, Holds(s, op.Aux));
            case MicroOpKind.BranchZero64: return Branch(s, op, s[op.A] == 0);
            case MicroOpKind.BranchNotZero64: return Branch(s, op, s[op.A] != 0);
            case MicroOpKind.BranchZero32: return Branch(s, op, (uint)s[op.A] == 0);
            case MicroOpKind.BranchNotZero32: return Branch(s, op, (uint)s[op.A] != 0);
            case MicroOpKind.BranchBitSet: return Branch(s, op, ((s[op.A] >> (int)op.Aux) & 1) == 1);
            case MicroOpKind.BranchBitClear: return Branch(s, op, ((s[op.A] >> (int)op.Aux) & 1) == 0);
        }

        if (MemoryName().Match(name) is { Success: true } memory)
        {
            return Memory(s, op, memory);
        }

        if (VectorName().Match(name) is { Success: true } vector)
        {
            Vector(s, op, vector.Groups["op"].Value, int.Parse(vector.Groups["lane"].Value, null));
            return true;
        }

        var sized = Sized().Match(name);
        Assert.True(sized.Success, $"the oracle does not know {name}");
        Arithmetic(s, op, sized.Groups["op"].Value, int.Parse(sized.Groups["width"].Value, null));
        return true;
    }

    private static ulong Wrap(BigInteger value) => (ulong)Unsigned(value, 64);

    private static bool Holds(OracleState s, uint mask) => (mask & (1u << (int)s.Flags)) != 0;

    private static bool Branch(OracleState s, in MicroOp op, bool taken)
    {
        s.Target = s.BlockPc + (taken ? (ulong)op.Imm : s.BlockLength);
        return true;
    }

    private static ulong ReverseGroups(ulong value, int width, int group)
    {
        ulong result = 0;
        for (var bit = 0; bit < width; bit += 8)
        {
            var b = (value >> bit) & 0xFF;
            var start = bit / group * group;
            result |= b << (start + (group - 8 - (bit - start)));
        }

        return result;
    }

    private static void Arithmetic(OracleState s, in MicroOp op, string name, int width)
    {
        BigInteger a = Unsigned(s[op.A], width), b = Unsigned(s[op.B], width), imm = Unsigned(op.Imm, width);
        var aux = (int)op.Aux;
        BigInteger carry = (s.Flags >> 1) & 1;
        var shift = (int)(b % width);
        BigInteger r;
        switch (name)
        {
            case "Mov": r = a; break;
            case "Add": r = a + b; break;
            case "AddI": r = a + imm; break;
            case "Sub": r = a - b; break;
            case "AddShl": r = a + (b << aux); break;
            case "SubShl": r = a - (b << aux); break;
            case "Mul": r = a * b; break;
            case "MulAdd": r = s[op.C] + (a * b); break;
            case "MulSub": r = s[op.C] - (a * b); break;
            case "UDiv": r = b.IsZero ? 0 : BigInteger.Divide(a, b); break;
            case "SDiv": r = b.IsZero ? 0 : BigInteger.Divide(Signed(a, width), Signed(b, width)); break;
            case "Adc": r = a + b + carry; break;
            case "Sbc": r = a - b - (1 - carry); break;
            case "And": r = a & b; break;
            case "AndI": r = a & imm; break;
            case "Or": r = a | b; break;
            case "OrI": r = a | imm; break;
            case "Xor": r = a ^ b; break;
            case "XorI": r = a ^ imm; break;
            case "AndNot": r = a & ~b; break;
            case "OrNot": r = a | ~b; break;
            case "XorNot": r = a ^ ~b; break;
            case "Shl": r = a << shift; break;
            case "ShlI": r = a << aux; break;
            case "Shr": r = a >> shift; break;
            case "ShrI": r = a >> aux; break;
            case "Sar": r = Signed(a, width) >> shift; break;
            case "SarI": r = Signed(a, width) >> aux; break;
            case "Ror": r = (a >> shift) | (a << (width - shift)); break;
            case "RorI": r = (a >> aux) | (a << (width - aux)); break;
            case "Extract": r = ((a << width) | b) >> aux; break;
            case "BitInsert": r = (Unsigned(s[op.D], width) & ~imm) | ((a << op.C) & imm); break;
            case "BitMove": r = (Unsigned(s[op.D], width) & ~imm) | ((a >> op.C) & imm); break;
            case "SignedField": r = Signed(a << op.C, width) >> aux; break;
            case "Clz": r = Leading(a, width, 0, width); break;
            case "Cls": r = Leading(a, width, (int)(a >> (width - 1)), width) - 1; break;
            case "RBit":
                r = 0;
                for (var i = 0; i < width; i++)
                {
                    r |= ((a >> i) & 1) << (width - 1 - i);
                }

                break;
            case "AddS": r = WithFlags(s, a, b, 0, width); break;
            case "AddSI": r = WithFlags(s, a, imm, 0, width); break;
            case "SubS": r = WithFlags(s, a, Unsigned(~b, width), 1, width); break;
            case "SubSI": r = WithFlags(s, a, Unsigned(~imm, width), 1, width); break;
            case "AdcS": r = WithFlags(s, a, b, carry, width); break;
            case "SbcS": r = WithFlags(s, a, Unsigned(~b, width), carry, width); break;
            case "AndS": r = LogicFlags(s, a & b, width); break;
            case "AndSI": r = LogicFlags(s, a & imm, width); break;
            case "AndNotS": r = LogicFlags(s, Unsigned(a & ~b, width), width); break;
            case "CCmp" or "CCmpI" or "CCmn" or "CCmnI":
                if (Holds(s, op.Aux))
                {
                    var second = name.EndsWith('I') ? imm : b;
                    WithFlags(s, a, name.StartsWith("CCmp", StringComparison.Ordinal) ? Unsigned(~second, width) : second, name.StartsWith("CCmp", StringComparison.Ordinal) ? 1 : 0, width);
                }
                else
                {
                    s.Flags = op.C;
                }

                return;
            case "Select": r = Holds(s, op.Aux) ? a : b; break;
            case "SelectInc": r = Holds(s, op.Aux) ? a : b + 1; break;
            case "SelectNot": r = Holds(s, op.Aux) ? a : ~b; break;
            case "SelectNeg": r = Holds(s, op.Aux) ? a : -b; break;
            default: throw new InvalidOperationException($"the oracle does not know {op.Kind}");
        }

        s[op.D] = (ulong)Unsigned(r, width);
    }

    private static BigInteger Leading(BigInteger value, int width, int bit, int most)
    {
        var n = 0;
        while (n < most && (value >> (width - 1 - n) & 1) == bit)
        {
            n++;
        }

        return n;
    }

    private static BigInteger WithFlags(OracleState s, BigInteger a, BigInteger b, BigInteger carry, int width)
    {
        var sum = a + b + carry;
        var signedSum = Signed(a, width) + Signed(b, width) + carry;
        var r = Unsigned(sum, width);
        s.Flags = (Signed(r, width) < 0 ? 8u : 0) | (r.IsZero ? 4u : 0) | (sum != r ? 2u : 0) | (signedSum != Signed(r, width) ? 1u : 0);
        return r;
    }

    private static BigInteger LogicFlags(OracleState s, BigInteger r, int width)
    {
        s.Flags = (Signed(r, width) < 0 ? 8u : 0) | (r.IsZero ? 4u : 0);
        return r;
    }

    private static BigInteger Get(OracleState s, ulong address, int bytes) => new(s.Memory.AsSpan((int)address, bytes), isUnsigned: true);

    private static void Put(OracleState s, ulong address, BigInteger value, int bytes) => OracleState.ToBytes(value, bytes).CopyTo(s.Memory, (int)address);

    private static bool Load(OracleState s, in MicroOp op, ulong address, int bits, bool signed, int to)
    {
        var value = Get(s, address, bits / 8);
        s[op.D] = (ulong)Unsigned(signed ? Signed(value, bits) : value, to);
        return true;
    }

    private static bool Memory(OracleState s, in MicroOp op, Match m)
    {
        var bits = int.Parse(m.Groups["size"].Value, null);
        var form = m.Groups["form"].Value;
        var bytes = bits / 8;
        var address = s[op.A] + (ulong)op.Imm + (m.Groups["x"].Success ? s[op.B] << op.C : 0);
        if (m.Groups["op"].Value == "Ld")
        {
            switch (form)
            {
                case "V": s.SetVector(op.D, Get(s, address, bytes)); return true;
                case "P" or "PV":
                    var (first, second) = (Get(s, address, bytes), Get(s, address + (ulong)bytes, bytes));
                    if (form == "P")
                    {
                        s[op.D] = (ulong)first;
                        s[op.B] = (ulong)second;
                    }
                    else
                    {
                        s.SetVector(op.D, first);
                        s.SetVector(op.B, second);
                    }

                    return true;
                default: return Load(s, op, address, bits, form == "S", m.Groups["to"].Success ? 32 : 64);
            }
        }

        BigInteger Data(int slot) => bits == 128 ? s.Vector(slot) : s[slot];
        Put(s, address, Data(op.D), bytes);
        if (form == "P")
        {
            Put(s, address + (ulong)bytes, Data(op.B), bytes);
        }

        return true;
    }

    private static void Vector(OracleState s, in MicroOp op, string name, int lane)
    {
        BigInteger a = name == "Dup" ? s[op.A] : s.Vector(op.A), b = name == "Dup" ? 0 : s.Vector(op.B), r = 0;
        for (var i = 0; i < 128; i += lane)
        {
            BigInteger x = Unsigned(a >> i, lane), y = Unsigned(b >> i, lane);
            r |= (name switch
            {
                "Add" => Unsigned(x + y, lane),
                "Sub" => Unsigned(x - y, lane),
                "CmpEq" => x == y ? (BigInteger.One << lane) - 1 : 0,
                _ => Unsigned(a, lane),
            }) << i;
        }

        s.SetVector(op.D, r);
    }
}
