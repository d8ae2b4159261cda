// Random micro-ops of any kind, with operands that alias and values at the edges.
using Emu.Cpu.Ir;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.MicroOps;

/// <summary>Makes micro-ops and operand values from a seeded generator.</summary>
/// <param name="random">The generator.</param>
public sealed unsafe class RandomOps(Random random)
{
    /// <summary>Register that memory micro-ops take as base.</summary>
    public const int BaseRegister = 20;

    /// <summary>Register that indexed memory micro-ops take as index.</summary>
    public const int IndexRegister = 21;

    private static readonly ulong[] Edges =
    [
        0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000,
        0x1_0000_0001, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0x8000_0000_0000_0001, ulong.MaxValue, ulong.MaxValue - 1,
        0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_0000_0000, 0x8000_0000_8000_0000,
    ];

    private static readonly ushort[] General =
        [CpuState.Register(0), CpuState.Register(1), CpuState.Register(2), CpuState.Register(3), CpuState.Register(30), CpuState.Register(31), 2048, 2056];

    public Random Random => random;

    public ulong Value() => random.Next(3) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => Edges[random.Next(Edges.Length)],
        _ => Edges[random.Next(Edges.Length)] ^ (ulong)random.Next(4),
    };

    public uint ConditionMask() => random.Next(4) switch
    {
        0 => (uint)random.Next(0x10000),
        1 => 0,
        _ => Asm.Conditions[random.Next(16)],
    };

    public ushort Source() => random.Next(8) == 0 ? CpuState.Zero : General[random.Next(General.Length)];

    public ushort Destination() => random.Next(12) == 0 ? CpuState.Sink : General[random.Next(General.Length)];

    public ushort VectorSlot() => (ushort)(ToyVcpu.Vectors + (random.Next(5) * 16));

    /// <summary>A random micro-op; memory micro-ops use the base and index registers.</summary>
    public MicroOp Make(MicroOpKind kind)
    {
        var traits = MicroOpTable.Traits(kind);
        var name = kind.ToString();
        var width = name.EndsWith("32", StringComparison.Ordinal) ? 32 : 64;
        var op = new MicroOp { Kind = kind, D = Destination(), A = Source(), B = Source(), C = Source(), Imm = (long)Value() };
        if (kind == MicroOpKind.CallVector)
        {
            return VectorCall(op);
        }

        if ((traits & MicroOpTraits.Helper) != 0)
        {
            op.Imm = kind switch
            {
                MicroOpKind.Call or (>= MicroOpKind.FAdd64 and <= MicroOpKind.FVector) => (long)(delegate*<CpuState*, MicroOp*, void>)&ToyHelpers.Mix,
                MicroOpKind.CallFlags => (long)(delegate*<CpuState*, MicroOp*, void>)&ToyHelpers.MixFlags,
                MicroOpKind.CallPure => (long)(delegate*<CpuState*, MicroOp*, int>)&ToyHelpers.Pure,
                MicroOpKind.CallChecked => (long)(delegate*<CpuState*, MicroOp*, int>)&ToyHelpers.Checked,
                _ => (long)(delegate*<CpuState*, MicroOp*, int>)&ToyHelpers.CheckedEnd,
            };
            return op;
        }

        if ((traits & (MicroOpTraits.ReadsD | MicroOpTraits.WritesD)) == MicroOpTraits.ReadsD)
        {
            op.D = Source();
            op.B = Source();
        }

        if ((traits & MicroOpTraits.WritesB) != 0)
        {
            op.B = Destination();
        }

        if ((traits & MicroOpTraits.Vector) != 0)
        {
            op.D = VectorSlot();
            op.B = VectorSlot();
            if (!name.StartsWith("VDup", StringComparison.Ordinal) && (kind != MicroOpKind.VMov64 || random.Next(2) == 0))
            {
                op.A = VectorSlot();
            }
        }

        if ((traits & MicroOpTraits.MayFault) != 0)
        {
            op.A = CpuState.Register(BaseRegister);
            op.Imm = random.Next(3) == 0 ? 0 : random.Next(-40, 40);
            op.Aux = 0;
            if (name.EndsWith('X'))
            {
                op.B = CpuState.Register(IndexRegister);
                op.C = (ushort)random.Next(5);
            }

            switch (kind)
            {
                case MicroOpKind.LdUnprivileged:
                    var log2 = (uint)random.Next(4);
                    op.Aux = log2 | (log2 < 3 && random.Next(2) == 0 ? 4u : 0) | (log2 < 2 && random.Next(2) == 0 ? 8u : 0);
                    op.Aux = (op.Aux & 4) == 0 ? op.Aux & 3 : op.Aux;
                    break;
                case MicroOpKind.StUnprivileged: op.Aux = (uint)random.Next(4); break;
                case MicroOpKind.CheckAlignment: op.Aux = (1u << random.Next(5)) - 1; break;
            }

            return op;
        }

        switch (name)
        {
            case "AddShl64" or "AddShl32" or "SubShl64" or "SubShl32" or "ShlI64" or "ShlI32" or "ShrI64" or "ShrI32" or "SarI64" or "SarI32" or "RorI64" or "RorI32":
                op.Aux = (uint)random.Next(width);
                break;
            case "Extract64" or "Extract32": op.Aux = (uint)random.Next(1, width); break;
            case "BitInsert64" or "BitInsert32" or "BitMove64" or "BitMove32":
                op.C = (ushort)random.Next(width);
                op.D = General[random.Next(General.Length)];
                break;
            case "Field" or "FieldInZero": op.C = (ushort)random.Next(64); break;
            case "SignedField64" or "SignedField32":
                op.C = (ushort)random.Next(width);
                op.Aux = (uint)random.Next(width);
                break;
            case "BranchBitSet" or "BranchBitClear": op.Aux = (uint)random.Next(64); break;
        }

        if ((traits & MicroOpTraits.ReadsFlags) != 0 && !name.StartsWith("Adc", StringComparison.Ordinal) && !name.StartsWith("Sbc", StringComparison.Ordinal))
        {
            op.Aux = ConditionMask();
            if (name.StartsWith("CC", StringComparison.Ordinal))
            {
                op.C = (ushort)random.Next(16);
            }
        }

        return op;
    }

    /// <summary>A CallVector of general slots, or of an operation with a name on vectors of 8 or 16 bytes.</summary>
    private MicroOp VectorCall(MicroOp op)
    {
        if (random.Next(4) == 0)
        {
            op.C = (ushort)(8 << random.Next(2));
            op.Imm = (long)(delegate*<CpuState*, MicroOp*, void>)&ToyHelpers.MixVector;
            return op;
        }

        return NamedVectorCall(VectorLanes.Names[random.Next(VectorLanes.Names.Length)]);
    }

    /// <summary>A CallVector of this operation, with random lanes.</summary>
    public MicroOp NamedVectorCall(VectorOperation name)
    {
        var size = random.Next(4);
        var bits = 8 << size;
        var left = name is VectorOperation.ShiftLeft or VectorOperation.ShiftLeftInsert;
        var operation = name | (VectorOperation)size | (random.Next(2) == 0 ? VectorOperation.Signed : 0);
        return new MicroOp
        {
            Kind = MicroOpKind.CallVector,
            D = VectorSlot(),
            A = VectorSlot(),
            B = VectorSlot(),
            C = (ushort)((8 << random.Next(2)) | ((int)operation << 8)),
            Aux = (uint)(random.Next(4) != 0 ? random.Next(left ? 0 : 1, left ? bits : bits + 1) : left ? bits - 1 : bits),
            Imm = (long)(delegate*<CpuState*, MicroOp*, void>)&ToyHelpers.NamedVector,
        };
    }

    public static string Show(in MicroOp op) => $"{op.Kind} D={op.D} A={op.A} B={op.B} C={op.C} Imm=0x{op.Imm:x} Aux=0x{op.Aux:x}";
}
