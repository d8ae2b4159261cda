// Accesses of one block through the same base register: one probe covers those that lie close together.
using System.Reflection.Emit;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    /// <summary>Bytes that one probe covers, at most: all of them must lie in one page, or the interpreter takes over.</summary>
    private const int WidestGroup = 64;

    /// <summary>As <see cref="WidestGroup"/>, through the stack pointer: a function's frame.</summary>
    private const int WidestFrame = 256;

    private const ushort StackPointer = 31 * 8;

    private readonly Group?[] groupOf = new Group?[SlotCount];
    private readonly long[] groupOffset = new long[SlotCount];

    /// <summary>Bytes, relative to a group's base value, that were found to lie in one page with a permission.</summary>
    private struct Extent
    {
        public long First;
        public long Last;

        public readonly bool IsEmpty => First > Last;

        public readonly bool Covers(long first, long last) => first >= First && last <= Last;
    }

    /// <summary>A value that base registers hold or differ from by a constant, and the TLB entry found for it.</summary>
    private sealed class Group
    {
        public required LocalBuilder Entry { get; init; }

        public required LocalBuilder Addend { get; init; }

        /// <summary>The lowest byte that was found to lie in the entry's page, whatever the access.</summary>
        public long Lowest { get; set; }

        public Extent Readable = new() { First = 0, Last = -1 };

        public Extent Writable = new() { First = 0, Last = -1 };
    }

    /// <summary>Where anything may have happened to registers or the TLB.</summary>
    private void ForgetGroups() => Array.Clear(groupOf);

    /// <summary>After a micro-op: what it wrote is no base of a group any more, unless it moved one by a constant.</summary>
    private void FollowGroups(MicroOp* op)
    {
        var traits = MicroOpTable.Traits(op->Kind);
        if (op->Kind is MicroOpKind.CallChecked or MicroOpKind.CallEnd)
        {
            ForgetGroups();
            return;
        }

        if (op->Kind is MicroOpKind.AddI64 or MicroOpKind.Mov64 && IsRegister(op->A) && IsRegister(op->D))
        {
            groupOffset[op->D >> 3] = groupOffset[op->A >> 3] + (op->Kind == MicroOpKind.AddI64 ? op->Imm : 0);
            groupOf[op->D >> 3] = groupOf[op->A >> 3];
            return;
        }

        if ((traits & (MicroOpTraits.WritesD | MicroOpTraits.Helper)) != 0 && IsRegister(op->D))
        {
            groupOf[op->D >> 3] = null;
        }

        if ((traits & MicroOpTraits.WritesB) != 0 && IsRegister(op->B))
        {
            groupOf[op->B >> 3] = null;
        }
    }

    /// <summary>va = host address of an access; leaves to the interpreter unless the TLB permits all of it.</summary>
    private void Access(MicroOp* op, int size, bool write)
    {
        if (region.Tier == CompileTier.Quick)
        {
            CallProbe(op, size, write);
            return;
        }

        if (!IsRegister(op->A) || !IsPlain(op->Kind))
        {
            Probe(op, size, write ? WriteTagOffset : ReadTagOffset);
            il.Emit(OpCodes.Ldloc, va);
            il.Emit(OpCodes.Ldloc, entry);
            Displace(AddendOffset);
            il.Emit(OpCodes.Ldind_I8);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc, va);
            return;
        }

        var group = groupOf[op->A >> 3];
        var isNew = group == null;
        if (group == null)
        {
            group = new Group { Entry = il.DeclareLocal(typeof(long)), Addend = il.DeclareLocal(typeof(long)) };
            groupOf[op->A >> 3] = group;
            groupOffset[op->A >> 3] = 0;
        }

        var first = groupOffset[op->A >> 3] + op->Imm;
        ref var proven = ref write ? ref group.Writable : ref group.Readable;
        if (!proven.Covers(first, first + size - 1))
        {
            PushAddress(op);
            il.Emit(OpCodes.Stloc, va);
            if (isNew)
            {
                PushEntry(() => il.Emit(OpCodes.Ldloc, tlb));
                il.Emit(OpCodes.Stloc, group.Entry);
            }

            var wanted = Widest(op, size, write, group);
            ProbeEnd(op, group, wanted.Last - first, write);

            // The entry is that of the page of the group's first access: only from there on up does the last byte speak for those before it.
            if (wanted.First < (isNew ? first : group.Lowest))
            {
                ProbeEnd(op, group, wanted.First - first, write);
            }

            group.Lowest = isNew ? wanted.First : Math.Min(group.Lowest, wanted.First);
            proven = wanted;
            if (isNew)
            {
                il.Emit(OpCodes.Ldloc, group.Entry);
                Displace(AddendOffset);
                il.Emit(OpCodes.Ldind_I8);
                il.Emit(OpCodes.Stloc, group.Addend);
            }
        }

        PushAddress(op);
        il.Emit(OpCodes.Ldloc, group.Addend);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, va);
    }

    /// <summary>Leaves unless the byte at va + distance lies in the page of the group's entry.</summary>
    private void ProbeEnd(MicroOp* op, Group group, long distance, bool write)
    {
        il.Emit(OpCodes.Ldloc, va);
        if (distance != 0)
        {
            il.Emit(OpCodes.Ldc_I8, distance);
            il.Emit(OpCodes.Add);
        }

        il.Emit(OpCodes.Ldc_I8, unchecked((long)TlbEntry.PageMask));
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Ldloc, group.Entry);
        Displace(write ? WriteTagOffset : ReadTagOffset);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Bne_Un, ResumeAt(op));
    }

    /// <summary>
    /// What the accesses of a group from here on read, or write, together. Distances from the base value are small, so that a page that is left
    /// shows in the one comparison of each end: the entry is that of the first access's page, and its neighbours never share it.
    /// </summary>
    private Extent Widest(MicroOp* op, int size, bool write, Group group)
    {
        var widest = op->A == StackPointer ? WidestFrame : WidestGroup;
        Span<long> offsets = stackalloc long[SlotCount];
        ulong members = 0;
        for (var i = 0; i < SlotCount; i++)
        {
            if (groupOf[i] == group)
            {
                members |= 1UL << i;
                offsets[i] = groupOffset[i];
            }
        }

        var first = offsets[op->A >> 3] + op->Imm;
        var extent = new Extent { First = first, Last = first + size - 1 };
        var end = current.Block->Ops + current.Block->OpCount;
        for (var o = op; o < end && members != 0 && o->Kind is not (MicroOpKind.CallChecked or MicroOpKind.CallEnd); o++)
        {
            var (bytes, stores) = PlainAccess(o->Kind);
            if (bytes != 0 && stores == write && IsRegister(o->A) && (members & (1UL << (o->A >> 3))) != 0)
            {
                var at = offsets[o->A >> 3] + o->Imm;
                var low = Math.Min(extent.First, at);
                var high = Math.Max(extent.Last, at + bytes - 1);
                if (high - low < widest)
                {
                    extent = new Extent { First = low, Last = high };
                }
            }

            var traits = MicroOpTable.Traits(o->Kind);
            if (o->Kind is MicroOpKind.AddI64 or MicroOpKind.Mov64 && IsRegister(o->A) && IsRegister(o->D) && (members & (1UL << (o->A >> 3))) != 0)
            {
                members |= 1UL << (o->D >> 3);
                offsets[o->D >> 3] = offsets[o->A >> 3] + (o->Kind == MicroOpKind.AddI64 ? o->Imm : 0);
                continue;
            }

            if ((traits & (MicroOpTraits.WritesD | MicroOpTraits.Helper)) != 0 && IsRegister(o->D))
            {
                members &= ~(1UL << (o->D >> 3));
            }

            if ((traits & MicroOpTraits.WritesB) != 0 && IsRegister(o->B))
            {
                members &= ~(1UL << (o->B >> 3));
            }
        }

        return extent;
    }

    private static bool IsPlain(MicroOpKind kind) => PlainAccess(kind).Bytes != 0;

    /// <summary>Bytes of an access at A + Imm, and whether it stores; 0 for every other kind.</summary>
    private static (int Bytes, bool Stores) PlainAccess(MicroOpKind kind) => kind switch
    {
        MicroOpKind.Ld8 or MicroOpKind.LdS8 or MicroOpKind.LdS8To32 or MicroOpKind.LdV8 => (1, false),
        MicroOpKind.Ld16 or MicroOpKind.LdS16 or MicroOpKind.LdS16To32 or MicroOpKind.LdV16 => (2, false),
        MicroOpKind.Ld32 or MicroOpKind.LdS32 or MicroOpKind.LdV32 => (4, false),
        MicroOpKind.Ld64 or MicroOpKind.LdV64 or MicroOpKind.LdP32 or MicroOpKind.LdPV32 => (8, false),
        MicroOpKind.LdV128 or MicroOpKind.LdP64 or MicroOpKind.LdPV64 => (16, false),
        MicroOpKind.LdPV128 => (32, false),
        MicroOpKind.St8 => (1, true),
        MicroOpKind.St16 => (2, true),
        MicroOpKind.St32 => (4, true),
        MicroOpKind.St64 or MicroOpKind.StP32 => (8, true),
        MicroOpKind.St128 or MicroOpKind.StP64 => (16, true),
        MicroOpKind.StP128 => (32, true),
        _ => (0, false),
    };
}
