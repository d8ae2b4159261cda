// A timer of the host that one thread sleeps on and any thread sets: timerfd_create(2).
using System.Runtime.InteropServices;

namespace Emu.Core;

/// <summary>
/// Setting it is one system call that wakes nobody: a guest moves its timers far more often than one of them comes due. To the nanosecond, in the
/// units of <see cref="System.Diagnostics.Stopwatch"/>, which reads the same clock.
/// </summary>
internal sealed unsafe partial class HostTimer : IDisposable
{
    private const int ClockMonotonic = 1;
    private const int CloseOnExec = 0x80000;
    private const int AbsoluteTime = 1;
    private const long NanosecondsPerSecond = 1_000_000_000;

    private readonly int descriptor;

    /// <summary>Makes a timer that is not set.</summary>
    /// <exception cref="EmuException">The host has no descriptor left.</exception>
    public HostTimer()
    {
        descriptor = Create(ClockMonotonic, CloseOnExec);
        if (descriptor < 0)
        {
            throw new EmuException($"cannot make a timer: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}; raise ulimit -n");
        }
    }

    /// <summary>Sets the moment at which <see cref="Wait"/> returns, in place of the one before.</summary>
    /// <param name="nanoseconds">Of the host's monotonic clock; one that has passed is now, <see cref="long.MaxValue"/> is never.</param>
    public void Set(long nanoseconds)
    {
        // it_interval and it_value of struct itimerspec; zero would be never.
        var value = stackalloc long[4];
        value[0] = value[1] = 0;
        var at = Math.Max(nanoseconds, 1);
        (value[2], value[3]) = nanoseconds == long.MaxValue ? (0, 0) : (at / NanosecondsPerSecond, at % NanosecondsPerSecond);
        _ = SetTime(descriptor, AbsoluteTime, value, null);
    }

    /// <summary>Sleeps until the moment has come; it comes once.</summary>
    public void Wait()
    {
        ulong expirations;
        _ = Read(descriptor, &expirations, sizeof(ulong));
    }

    /// <inheritdoc/>
    public void Dispose() => _ = Close(descriptor);

    [LibraryImport("libc", EntryPoint = "timerfd_create", SetLastError = true)]
    private static partial int Create(int clock, int flags);

    [LibraryImport("libc", EntryPoint = "timerfd_settime")]
    private static partial int SetTime(int descriptor, int flags, long* value, long* before);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int descriptor, void* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
