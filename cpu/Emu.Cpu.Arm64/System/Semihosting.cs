// Arm semihosting (Arm IHI 0030) by HLT #0xF000: the console as :tt, and exit codes.
using Emu.Core;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>Operation numbers in W0.</summary>
internal enum SemihostingOperation : uint
{
    Open = 0x01,
    Close = 0x02,
    WriteC = 0x03,
    Write0 = 0x04,
    Write = 0x05,
    Read = 0x06,
    ReadC = 0x07,
    IsTty = 0x09,
    Errno = 0x13,
    Exit = 0x18,
    ExitExtended = 0x20,
}

/// <summary>Carries out semihosting calls of one vCPU.</summary>
internal static unsafe class Semihosting
{
    /// <summary>HLT immediate that is a semihosting call.</summary>
    public const uint Immediate = 0xF000;

    private const ulong ApplicationExit = 0x20026;
    private const ulong Failure = ulong.MaxValue;
    private const ulong ErrnoBadFile = 9;
    private const ulong ErrnoNoEntry = 2;
    private const ulong ErrnoFault = 14;
    private const ulong ErrnoNotImplemented = 38;
    private const ulong OpenReadWriteModes = 4;
    private const ulong OpenModes = 12;
    private const ulong InputHandle = 1;
    private const ulong OutputHandle = 2;
    private const ulong ErrorHandle = 3;

    /// <summary>Bytes moved by one call at most: the guest chooses the length.</summary>
    private const int MaximumTransfer = 1 << 20;

    private const int ExitFailure = 1;

    /// <summary>The call in X0 and X1; the result goes to X0.</summary>
    public static void Call(Arm64Vcpu cpu, CpuState* s, MicroOp* op)
    {
        var console = cpu.Configuration.Semihosting!;
        var block = cpu.X(1);
        switch ((SemihostingOperation)(uint)cpu.X(0))
        {
            case SemihostingOperation.Open:
                Open(cpu, s, op, block);
                break;
            case SemihostingOperation.Close:
                Result(cpu, TryReadWord(s, op, block, out var closing) && Close(cpu, closing) ? 0 : Failure, ErrnoBadFile);
                break;
            case SemihostingOperation.WriteC:
                if (TryReadByte(s, op, block, out var character))
                {
                    console.Write([character]);
                }

                break;
            case SemihostingOperation.Write0:
                WriteString(console, s, op, block);
                break;
            case SemihostingOperation.Write:
                Write(cpu, console, s, op, block);
                break;
            case SemihostingOperation.Read:
                Read(cpu, console, s, op, block);
                break;
            case SemihostingOperation.ReadC:
                cpu.X(0) = (ulong)(long)console.ReadByte();
                break;
            case SemihostingOperation.IsTty:
                Result(cpu, TryReadWord(s, op, block, out var tty) && IsOpen(cpu, tty) ? 1 : Failure, ErrnoBadFile);
                break;
            case SemihostingOperation.Errno:
                cpu.X(0) = cpu.Arm64->System.SemihostingErrno;
                break;
            case SemihostingOperation.Exit or SemihostingOperation.ExitExtended:
                var known = TryReadWord(s, op, block, out var reason) & TryReadWord(s, op, block + 8, out var code);
                cpu.Configuration.Control.RequestStop(MachineStop.ExitCode, known && reason == ApplicationExit ? (int)(code & 0xFF) : ExitFailure);
                cpu.StopExecuting();
                break;
            default:
                Result(cpu, Failure, ErrnoNotImplemented);
                break;
        }
    }

    private static ref ulong Handles(Arm64Vcpu cpu) => ref cpu.Cluster.Vcpus[0].Arm64->System.SemihostingHandles;

    private static bool IsOpen(Arm64Vcpu cpu, ulong handle) =>
        handle is InputHandle or OutputHandle or ErrorHandle && ((Volatile.Read(ref Handles(cpu)) >> (int)handle) & 1) != 0;

    private static bool Close(Arm64Vcpu cpu, ulong handle)
    {
        var bit = 1UL << (int)(handle & 63);
        return IsOpen(cpu, handle) && (Interlocked.And(ref Handles(cpu), ~bit) & bit) != 0;
    }

    private static void Result(Arm64Vcpu cpu, ulong value, ulong errno)
    {
        cpu.X(0) = value;
        if (value == Failure)
        {
            cpu.Arm64->System.SemihostingErrno = errno;
        }
    }

    /// <summary>SYS_OPEN: name, mode, length. Only ":tt" exists: modes 0 to 3 read it, 4 to 7 write it, 8 to 11 are standard error.</summary>
    private static void Open(Arm64Vcpu cpu, CpuState* s, MicroOp* op, ulong block)
    {
        const int NameLength = 3;
        Span<byte> name = stackalloc byte[NameLength];
        if (!TryReadWord(s, op, block, out var address) || !TryReadWord(s, op, block + 8, out var mode) || !TryReadWord(s, op, block + 16, out var length))
        {
            Result(cpu, Failure, ErrnoFault);
            return;
        }

        if (length != NameLength || mode >= OpenModes)
        {
            Result(cpu, Failure, ErrnoNoEntry);
            return;
        }

        for (var i = 0; i < NameLength; i++)
        {
            if (!TryReadByte(s, op, address + (ulong)i, out name[i]))
            {
                Result(cpu, Failure, ErrnoFault);
                return;
            }
        }

        if (!name.SequenceEqual(":tt"u8))
        {
            Result(cpu, Failure, ErrnoNoEntry);
            return;
        }

        var handle = (mode / OpenReadWriteModes) + InputHandle;
        Interlocked.Or(ref Handles(cpu), 1UL << (int)handle);
        cpu.X(0) = handle;
    }

    private static void WriteString(ISemihostingConsole console, CpuState* s, MicroOp* op, ulong address)
    {
        Span<byte> buffer = stackalloc byte[256];
        var count = 0;
        for (var total = 0; total < MaximumTransfer && TryReadByte(s, op, address + (ulong)total, out var b) && b != 0; total++)
        {
            buffer[count++] = b;
            if (count == buffer.Length)
            {
                console.Write(buffer);
                count = 0;
            }
        }

        console.Write(buffer[..count]);
    }

    /// <summary>SYS_WRITE: handle, address, length; gives the bytes not written.</summary>
    private static void Write(Arm64Vcpu cpu, ISemihostingConsole console, CpuState* s, MicroOp* op, ulong block)
    {
        if (!TryReadWord(s, op, block, out var handle) || !TryReadWord(s, op, block + 8, out var address) || !TryReadWord(s, op, block + 16, out var length)
            || handle is not (OutputHandle or ErrorHandle) || !IsOpen(cpu, handle))
        {
            Result(cpu, Failure, ErrnoBadFile);
            return;
        }

        Span<byte> buffer = stackalloc byte[256];
        ulong done = 0;
        var limit = Math.Min(length, MaximumTransfer);
        var good = true;
        while (done < limit && good)
        {
            var count = 0;
            while (count < buffer.Length && done + (ulong)count < limit && (good = TryReadByte(s, op, address + done + (ulong)count, out buffer[count])))
            {
                count++;
            }

            console.Write(buffer[..count]);
            done += (ulong)count;
        }

        cpu.X(0) = length - done;
    }

    /// <summary>SYS_READ: handle, address, length; gives the bytes not read, which is all of them at the end of input.</summary>
    private static void Read(Arm64Vcpu cpu, ISemihostingConsole console, CpuState* s, MicroOp* op, ulong block)
    {
        if (!TryReadWord(s, op, block, out var handle) || !TryReadWord(s, op, block + 8, out var address) || !TryReadWord(s, op, block + 16, out var length)
            || handle != InputHandle || !IsOpen(cpu, handle))
        {
            Result(cpu, Failure, ErrnoBadFile);
            return;
        }

        ulong done = 0;
        while (done < Math.Min(length, MaximumTransfer))
        {
            var next = console.ReadByte();
            if (next < 0)
            {
                break;
            }

            var b = (byte)next;
            if (MemoryAccess.Store(s, op, address + done, 1, &b) == Status.Fault)
            {
                break;
            }

            done++;
            if (b == (byte)'\n')
            {
                break;
            }
        }

        cpu.X(0) = length - done;
    }

    private static bool TryReadByte(CpuState* s, MicroOp* op, ulong va, out byte value)
    {
        byte b = 0;
        var good = MemoryAccess.Load(s, op, va, 1, &b) != Status.Fault;
        value = b;
        return good;
    }

    private static bool TryReadWord(CpuState* s, MicroOp* op, ulong va, out ulong value)
    {
        ulong w = 0;
        var good = MemoryAccess.Load(s, op, va, sizeof(ulong), &w) != Status.Fault;
        value = w;
        return good;
    }
}
