// Helpers that toy instructions and random micro-op lists call.
using Emu.Cpu.Ir;

namespace Emu.Cpu.Tests.Toy;

/// <summary>Helpers of each kind; what they compute is spelled out here and again in the oracle.</summary>
public static unsafe class ToyHelpers
{
    /// <summary>Slot that <see cref="Checked"/> writes although no operand names it: X27.</summary>
    public const int HiddenRegister = 27;

    public static int Undefined(CpuState* s, MicroOp* op) => Fault(s, "undefined", 0);

    public static int Halt(CpuState* s, MicroOp* op)
    {
        s->Halted = 1;
        return Status.ExitPc;
    }

    public static int FaultIf(CpuState* s, MicroOp* op) => Slot(s, op->A) == 0 ? Status.Continue : Fault(s, "helper", Slot(s, op->A));

    public static int LeaveAfter(CpuState* s, MicroOp* op) => Status.ExitNext;

    public static int SetContext(CpuState* s, MicroOp* op)
    {
        ((ToyVcpu)CpuState.OwnerOf(s)).SwitchContext((int)Slot(s, op->A));
        return Status.ExitPc;
    }

    public static int SetContextInside(CpuState* s, MicroOp* op)
    {
        ((ToyVcpu)CpuState.OwnerOf(s)).SwitchContext((int)Slot(s, op->A));
        return Status.Continue;
    }

    public static int FlushPage(CpuState* s, MicroOp* op)
    {
        ((ToyVcpu)CpuState.OwnerOf(s)).FlushPage(Slot(s, op->A));
        return Status.ExitNext;
    }

    /// <summary>D = D + A * 31 + B * 17 + C.</summary>
    public static void Mix(CpuState* s, MicroOp* op) =>
        Slot(s, op->D) = Slot(s, op->D) + (Slot(s, op->A) * 31) + (Slot(s, op->B) * 17) + Slot(s, op->C);

    /// <summary>D = D + A * 31 + B * 17 + the low byte of C.</summary>
    public static void MixVector(CpuState* s, MicroOp* op) =>
        Slot(s, op->D) = Slot(s, op->D) + (Slot(s, op->A) * 31) + (Slot(s, op->B) * 17) + (op->C & 0xFFu);

    /// <summary>What the name in C says, lane by lane.</summary>
    public static void NamedVector(CpuState* s, MicroOp* op)
    {
        Span<byte> result = stackalloc byte[16];
        VectorLanes.Compute(*op, new Span<byte>((byte*)s + op->D, 16), new Span<byte>((byte*)s + op->A, 16), new Span<byte>((byte*)s + op->B, 16), result);
        result.CopyTo(new Span<byte>((byte*)s + op->D, 16));
    }

    /// <summary>D = flags + A; flags = (flags + A + 5) &amp; 15.</summary>
    public static void MixFlags(CpuState* s, MicroOp* op)
    {
        var a = Slot(s, op->A);
        Slot(s, op->D) = s->Flags + a;
        s->Flags = (s->Flags + a + 5) & 15;
    }

    /// <summary>D = A * 31 + B * 17 + C; faults with nothing changed for a quarter of A's values.</summary>
    public static int Pure(CpuState* s, MicroOp* op)
    {
        var a = Slot(s, op->A);
        if (((a >> 4) & 3) == 1)
        {
            return Fault(s, "pure", a);
        }

        Slot(s, op->D) = (a * 31) + (Slot(s, op->B) * 17) + Slot(s, op->C);
        return Status.Continue;
    }

    /// <summary>X27 = X27 * 3 + flags + A; flags = X27 &amp; 15; D = X27; faults for a quarter of A's values, leaves after another.</summary>
    public static int Checked(CpuState* s, MicroOp* op)
    {
        ref var hidden = ref Slot(s, CpuState.Register(HiddenRegister));
        var a = Slot(s, op->A);
        if (((a >> 4) & 3) == 1)
        {
            return Fault(s, "checked", a);
        }

        hidden = (hidden * 3) + s->Flags + a;
        s->Flags = hidden & 15;
        Slot(s, op->D) = hidden;
        return ((a >> 4) & 3) == 2 ? Status.ExitNext : Status.Continue;
    }

    /// <summary>As <see cref="Checked"/> at the end of a block; leaves PC at the next instruction.</summary>
    public static int CheckedEnd(CpuState* s, MicroOp* op) => Checked(s, op) == Status.Fault ? Status.Fault : Status.ExitPc;

    private static int Fault(CpuState* s, string kind, ulong address)
    {
        ((ToyVcpu)CpuState.OwnerOf(s)).Record(kind, address);
        return Status.Fault;
    }

    private static ref ulong Slot(CpuState* s, ushort slot) => ref *(ulong*)((byte*)s + slot);
}
