// MRS, MSR (register), SYS and SYSL: what the tables of registers and operations say, as micro-ops.
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Translate;

public static unsafe partial class SystemInstructions
{
    private static readonly ushort Nzcv = SystemRegister.Encode(3, 3, 4, 2, 0);
    private static readonly ushort DaifRegister = SystemRegister.Encode(3, 3, 4, 2, 1);
    private static readonly ushort Fpcr = SystemRegister.Encode(3, 3, 4, 4, 0);
    private static readonly ushort Fpsr = SystemRegister.Encode(3, 3, 4, 4, 1);
    private static readonly ushort ZeroBlockSize = SystemRegister.Encode(3, 3, 0, 0, 7);
    private static readonly ushort SpEl0 = SystemRegister.Encode(3, 0, 4, 1, 0);

    private static ushort EncodingOf(uint word) => (ushort)(word >> 5);

    private static bool Mrs(A64Translator t, uint word)
    {
        var encoding = EncodingOf(word);
        var d = A64Translator.Xd(word);
        if (encoding == Nzcv)
        {
            t.B.Emit(MicroOpKind.GetFlags, d);
            return true;
        }

        if (t.Vcpu?.DeviceOf(encoding) != null)
        {
            return DeviceRegister(t, word, &SystemHelpers.ReadDevice, d, CpuState.Zero);
        }

        if (IsIdSpace(encoding))
        {
            if (t.ExceptionLevel == 0)
            {
                return false;
            }

            t.B.Emit(MicroOpKind.MovI, d, imm: (long)(t.Vcpu?.IdRegisters ?? DefaultIdRegisters)[encoding & 63]);
            return true;
        }

        if (!TryFind(t, encoding, RegisterAccess.Read, out var register))
        {
            return false;
        }

        if ((encoding == Fpcr || encoding == Fpsr) && (t.Mode & A64Mode.FpTrapped) != 0)
        {
            t.EmitFpTrap(word);
        }
        else if (register.PlainRead)
        {
            t.B.Emit(MicroOpKind.Mov64, d, register.Slot);
        }
        else if (encoding == DaifRegister && t.ExceptionLevel > 0)
        {
            t.B.Emit(MicroOpKind.Mov64, d, SystemHelpers.DaifSlot);
        }
        else if (encoding == ZeroBlockSize && t.ExceptionLevel > 0)
        {
            // Every memset reads it.
            t.B.Emit(MicroOpKind.MovI, d, imm: (long)A64Features.Dczid);
        }
        else
        {
            t.B.CallChecked(&SystemHelpers.ReadRegister, d, aux: word);
        }

        return true;
    }

    private static bool MsrRegister(A64Translator t, uint word)
    {
        var encoding = EncodingOf(word);
        var source = A64Translator.X(word);
        if (encoding == Nzcv)
        {
            t.B.Emit(MicroOpKind.SetFlags, a: source);
            return true;
        }

        if (t.Vcpu?.DeviceOf(encoding) != null)
        {
            return DeviceRegister(t, word, &SystemHelpers.WriteDevice, CpuState.Sink, source);
        }

        if (!TryFind(t, encoding, RegisterAccess.Write, out var register))
        {
            return false;
        }

        if ((encoding == Fpcr || encoding == Fpsr) && (t.Mode & A64Mode.FpTrapped) != 0)
        {
            t.EmitFpTrap(word);
        }
        else if (register.PlainWrite)
        {
            var mask = encoding == Fpcr && !t.Features.Has(A64Feature.FP16) ? register.WriteMask & ~SystemRegisterTable.FpcrFz16 : register.WriteMask;
            if (mask == ulong.MaxValue)
            {
                t.B.Emit(MicroOpKind.Mov64, register.Slot, source);
            }
            else
            {
                t.B.Emit(MicroOpKind.AndI64, register.Slot, source, imm: (long)mask);
            }
        }
        else if (encoding == DaifRegister)
        {
            t.B.CallChecked(&SystemHelpers.WriteDaif, a: source, aux: word);
        }
        else
        {
            t.B.CallEnd(&SystemHelpers.WriteRegister, a: source, aux: word);
        }

        return true;
    }

    /// <summary>The GIC's registers: op1 says from which exception level on they exist.</summary>
    private static bool DeviceRegister(A64Translator t, uint word, delegate*<CpuState*, MicroOp*, int> helper, ushort d, ushort a)
    {
        var minimum = A64Translator.Bits(word, 18, 16) switch { 0 => 1, 4 => 2, _ => 3 };
        var write = A64Translator.Bit(word, 21) == 0;
        if (t.ExceptionLevel < minimum || !t.Vcpu!.DeviceOf(EncodingOf(word))!.Permits(EncodingOf(word), write))
        {
            return false;
        }

        if (write || (d == CpuState.Sink && a != CpuState.Zero))
        {
            t.B.CallEnd(helper, a: a, aux: word);
        }
        else
        {
            t.B.CallChecked(helper, d, aux: word);
        }

        return true;
    }

    /// <summary>The register when it exists at this exception level, in this direction, with these features.</summary>
    private static bool TryFind(A64Translator t, ushort encoding, RegisterAccess access, out SystemRegister register)
    {
        register = SystemRegisterTable.Find(encoding)!;
        return register != null && (register.Access & access) != 0 && t.ExceptionLevel >= register.MinimumLevel
            && !(access == RegisterAccess.Write && register.UserReadOnly && t.ExceptionLevel == 0)
            && (register.Feature is not { } feature || t.Features.Has(feature))
            && !(encoding == SpEl0 && (t.Mode & A64Mode.StackPointerEl0) != 0);
    }

    /// <summary>op0=3, op1=0, CRn=0, CRm=1 to 7: identification registers, reading as zero where unallocated.</summary>
    private static bool IsIdSpace(ushort encoding) => (encoding & 0xFF80) == 0xC000 && ((encoding >> 3) & 15) is >= 1 and <= 7;

    private static readonly ulong[] DefaultIdRegisters = A64Features.IdRegisters(A64Features.Implemented, gicSystemRegisters: true);

    private static bool Sys(A64Translator t, uint word)
    {
        if (!SystemOperationTable.TryFind(EncodingOf(word), out var operation) || t.ExceptionLevel < operation.MinimumLevel
            || (operation.Feature is { } feature && !t.Features.Has(feature)))
        {
            return false;
        }

        if (operation.Helper != null)
        {
            t.B.CallChecked(operation.Helper, a: A64Translator.X(word), aux: word);
        }

        return true;
    }

    /// <summary>SYSL has no operation on this CPU.</summary>
    private static bool Sysl(A64Translator t, uint word) => false;
}
