// The registers that a trace compares: names and places in a vCPU's state.
using Emu.Cpu;
using Emu.Cpu.Arm64;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Debug;

/// <summary>A copy of a vCPU's registers, and what has changed since it was made.</summary>
internal sealed unsafe class RegisterFile
{
    private const int GeneralCount = 32;
    private const int StackPointer = 31;
    private const int VectorCount = 32;

    /// <summary>A register of 64 bits outside of the general ones.</summary>
    private readonly record struct Slot(int Offset, string Name);

    private static readonly Slot[] Slots = FindSlots();

    private readonly ulong[] general = new ulong[GeneralCount];
    private readonly ulong[] vectors = new ulong[VectorCount * 2];
    private readonly ulong[] others = new ulong[Slots.Length];
    private ulong flags;

    /// <summary>Copies the registers.</summary>
    public void Take(CpuState* s)
    {
        new ReadOnlySpan<ulong>((byte*)s + CpuState.RegistersOffset, GeneralCount).CopyTo(general);
        new ReadOnlySpan<ulong>((byte*)s + Arm64State.VectorsOffset, VectorCount * 2).CopyTo(vectors);
        flags = s->Flags;
        for (var i = 0; i < Slots.Length; i++)
        {
            others[i] = *(ulong*)((byte*)s + Slots[i].Offset);
        }
    }

    /// <summary>Writes " name=value" for each register that differs from the copy, and copies it.</summary>
    public void WriteChanges(CpuState* s, TextWriter to)
    {
        var x = (ulong*)((byte*)s + CpuState.RegistersOffset);
        for (var i = 0; i < GeneralCount; i++)
        {
            if (general[i] != x[i])
            {
                general[i] = x[i];
                to.Write(i == StackPointer ? $" sp={x[i]:x16}" : $" x{i}={x[i]:x16}");
            }
        }

        if (flags != s->Flags)
        {
            flags = s->Flags;
            to.Write($" nzcv={flags:b4}");
        }

        var v = (ulong*)((byte*)s + Arm64State.VectorsOffset);
        for (var i = 0; i < VectorCount; i++)
        {
            if (vectors[i * 2] != v[i * 2] || vectors[(i * 2) + 1] != v[(i * 2) + 1])
            {
                vectors[i * 2] = v[i * 2];
                vectors[(i * 2) + 1] = v[(i * 2) + 1];
                to.Write($" v{i}={v[(i * 2) + 1]:x16}_{v[i * 2]:x16}");
            }
        }

        for (var i = 0; i < Slots.Length; i++)
        {
            var value = *(ulong*)((byte*)s + Slots[i].Offset);
            if (others[i] != value)
            {
                others[i] = value;
                to.Write($" {Slots[i].Name}={value:x}");
            }
        }
    }

    /// <summary>PSTATE, floating-point control, and every system register that is a slot of the state, by its first name.</summary>
    private static Slot[] FindSlots()
    {
        var slots = new SortedDictionary<int, string>
        {
            [Arm64State.FpcrOffset] = "fpcr",
            [Arm64State.FpsrOffset] = "fpsr",
        };
        foreach (var register in SystemRegisterTable.Rows)
        {
            if (register.Slot != 0)
            {
                slots.TryAdd(register.Slot, register.Name.ToLowerInvariant());
            }
        }

        // Only its addresses matter.
        Arm64State layout;
        var state = &layout;
        void Add(ulong* member, string name) => slots.TryAdd((int)((byte*)member - (byte*)state), name);
        Add(&state->System.Daif, "daif");
        Add(&state->System.SpSel, "spsel");
        Add(&state->System.Pan, "pan");
        Add(&state->System.Uao, "uao");
        Add(&state->System.Dit, "dit");
        Add(&state->System.Ssbs, "ssbs");
        Add(&state->System.El1.Sp, "sp_el1");
        return [.. slots.Select(s => new Slot(s.Key, s.Value))];
    }
}
