// Everything of an A64 vCPU that the guest can observe, in a fixed order.
using Emu.Core;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.SystemLevel;

public sealed unsafe partial class Arm64Vcpu
{
    private const byte SnapshotVersion = 1;

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        var s = State;
        a->System.Btype = (ulong)Btype << BtypeShift;
        writer.U8(SnapshotVersion);
        writer.Bytes(new ReadOnlySpan<byte>((byte*)s + CpuState.RegistersOffset, 32 * sizeof(ulong)));
        writer.U64(s->Flags);
        writer.U64(s->Pc);
        writer.U64(s->Retired);
        writer.U16((ushort)Unfinished);
        writer.Bool(s->Halted != 0);
        writer.Bool(PoweredOff);
        writer.Bool(illegalState);
        writer.U64(s->ExclusiveAddress);
        writer.U64(s->ExclusiveLow);
        writer.U64(s->ExclusiveHigh);
        writer.U32((uint)s->ExclusiveSize);
        writer.U64(s->ExclusivePhysical);
        writer.Bytes(new ReadOnlySpan<byte>((byte*)s + Arm64State.VectorsOffset, Arm64State.VectorTemporaries - Arm64State.VectorsOffset));
        writer.Bytes(new ReadOnlySpan<byte>((byte*)s + Arm64State.SystemOffset, Arm64State.SystemRegistersOffset - Arm64State.SystemOffset + sizeof(SystemRegisters)));
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        var s = State;
        var version = reader.U8();
        if (version != SnapshotVersion)
        {
            throw new InvalidDataException($"{SnapshotName}: snapshot version {version}, this build reads {SnapshotVersion}");
        }

        ReadInto(reader, (byte*)s + CpuState.RegistersOffset, 32 * sizeof(ulong));
        s->Flags = reader.U64() & 15;
        s->Pc = reader.U64();
        s->Retired = reader.U64();
        Unfinished = reader.U16();
        s->Halted = reader.Bool() ? 1 : 0;
        PoweredOff = reader.Bool();
        illegalState = reader.Bool();
        s->ExclusiveAddress = reader.U64();
        s->ExclusiveLow = reader.U64();
        s->ExclusiveHigh = reader.U64();
        s->ExclusiveSize = (int)reader.U32();
        s->ExclusivePhysical = reader.U64();
        ReadInto(reader, (byte*)s + Arm64State.VectorsOffset, Arm64State.VectorTemporaries - Arm64State.VectorsOffset);
        ReadInto(reader, (byte*)s + Arm64State.SystemOffset, Arm64State.SystemRegistersOffset - Arm64State.SystemOffset + sizeof(SystemRegisters));
        if (a->System.CurrentEl >> 2 > 1)
        {
            throw new InvalidDataException($"{SnapshotName}: exception level {a->System.CurrentEl >> 2}, expected 0 or 1");
        }

        if (Unfinished >= A64Translator.MaximumInstructions)
        {
            throw new InvalidDataException($"{SnapshotName}: {Unfinished} instructions left of a block, fewer than {A64Translator.MaximumInstructions} expected");
        }

        if (s->ExclusiveSize is < 0 or > 16)
        {
            throw new InvalidDataException($"{SnapshotName}: exclusive monitor of {s->ExclusiveSize} bytes, expected 0 to 16");
        }

        Btype = (BranchType)((a->System.Btype >> BtypeShift) & 3);
        s->LinkFrom = null;
        s->ExactRetired = s->Retired;
        fault = default;
        StateReplaced();
    }

    /// <summary>A timer may have come due since it was saved, and the interrupt controller is restored after the vCPUs.</summary>
    public override void Restored()
    {
        PhysicalTimer.Update();
        VirtualTimer.Update();
    }

    private void ReadInto(SnapshotReader reader, byte* to, int length)
    {
        var bytes = reader.Bytes(length);
        if (bytes.Length != length)
        {
            throw new InvalidDataException($"{SnapshotName}: a field is {bytes.Length} bytes long, expected {length}");
        }

        bytes.AsSpan().CopyTo(new Span<byte>(to, length));
    }
}
