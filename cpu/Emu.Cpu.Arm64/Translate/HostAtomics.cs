// A 16-byte compare-and-exchange on host memory, which .NET does not offer: a few bytes of x86-64 code, or striped locks elsewhere.
using System.Runtime.InteropServices;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Host atomics of 16 bytes.</summary>
public static unsafe partial class HostAtomics
{
    private const int ProtRead = 1;
    private const int ProtWrite = 2;
    private const int ProtExecute = 4;
    private const int MapPrivate = 2;
    private const int MapAnonymous = 0x20;
    private const int StubBytes = 4096;
    private const int Stripes = 64;

    // System V: rdi = address, rsi = expected (16 bytes in, the old value out), rdx = new value.
    private static ReadOnlySpan<byte> Stub =>
    [
        0x53,                         // push rbx
        0x49, 0x89, 0xD0,             // mov r8, rdx
        0x48, 0x8B, 0x06,             // mov rax, [rsi]
        0x48, 0x8B, 0x56, 0x08,       // mov rdx, [rsi+8]
        0x49, 0x8B, 0x18,             // mov rbx, [r8]
        0x49, 0x8B, 0x48, 0x08,       // mov rcx, [r8+8]
        0xF0, 0x48, 0x0F, 0xC7, 0x0F, // lock cmpxchg16b [rdi]
        0x48, 0x89, 0x06,             // mov [rsi], rax
        0x48, 0x89, 0x56, 0x08,       // mov [rsi+8], rdx
        0x0F, 0x94, 0xC0,             // sete al
        0x0F, 0xB6, 0xC0,             // movzx eax, al
        0x5B,                         // pop rbx
        0xC3,                         // ret
    ];

    private static readonly delegate* unmanaged[SuppressGCTransition]<void*, UInt128*, UInt128*, int> Native = BuildStub();
    private static readonly object[] Locks = BuildLocks();

    /// <summary>Whether the exchange is atomic with respect to every host access, not only to others made here.</summary>
    public static bool IsNative => Native != null;

    /// <summary>
    /// If the 16 bytes at <paramref name="address"/> equal <paramref name="expected"/>, replaces them. <paramref name="expected"/> receives
    /// what was there. A full barrier. Where the host has no such instruction (<see cref="IsNative"/> is false) the exchange is atomic
    /// towards other 16-byte exchanges only.
    /// </summary>
    /// <param name="address">16-byte aligned.</param>
    /// <param name="expected">In: the value to compare with. Out: the value found.</param>
    /// <param name="value">The new value.</param>
    /// <returns>True when it was replaced.</returns>
    public static bool CompareExchange128(void* address, ref UInt128 expected, UInt128 value)
    {
        var e = expected;
        if (Native != null)
        {
            var done = Native(address, &e, &value) != 0;
            expected = e;
            return done;
        }

        lock (Locks[(int)((nuint)address >> 4) & (Stripes - 1)])
        {
            expected = *(UInt128*)address;
            if (expected != e)
            {
                return false;
            }

            *(UInt128*)address = value;
            return true;
        }
    }

    private static delegate* unmanaged[SuppressGCTransition]<void*, UInt128*, UInt128*, int> BuildStub()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !OperatingSystem.IsLinux())
        {
            return null;
        }

        var page = Mmap(0, StubBytes, ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
        if (page == -1)
        {
            return null;
        }

        Stub.CopyTo(new Span<byte>((void*)page, StubBytes));
        return Mprotect(page, StubBytes, ProtRead | ProtExecute) == 0
            ? (delegate* unmanaged[SuppressGCTransition]<void*, UInt128*, UInt128*, int>)page
            : null;
    }

    private static object[] BuildLocks()
    {
        var locks = new object[Stripes];
        for (var i = 0; i < Stripes; i++)
        {
            locks[i] = new object();
        }

        return locks;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Mmap(nint address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Mprotect(nint address, nuint length, int protection);
}
