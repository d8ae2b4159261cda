// Puts a terminal into raw mode and gives it back as it was, whatever way the process ends.
using System.Runtime.InteropServices;

namespace Emu.Devices.Serial;

/// <summary>
/// Raw mode for one terminal. The old settings return on <see cref="Dispose"/>, at process exit, on an unhandled exception, on
/// SIGINT, SIGTERM, SIGHUP and SIGQUIT, and while the process is stopped by SIGTSTP; SIGCONT makes the terminal raw again.
/// What a signal does otherwise is left to others.
/// </summary>
public sealed unsafe class RawTerminal : IDisposable
{
    private readonly Lock sync = new();
    private readonly int descriptor;
    private readonly byte[] saved = new byte[Libc.TermiosBytes];
    private readonly List<PosixSignalRegistration> signals = [];
    private bool raw;
    private bool disposed;

    /// <summary>Saves the settings and enters raw mode.</summary>
    /// <param name="descriptor">An open terminal.</param>
    public RawTerminal(int descriptor)
    {
        this.descriptor = descriptor;
        fixed (byte* p = saved)
        {
            if (Libc.tcgetattr(descriptor, p) != 0)
            {
                disposed = true;
                return;
            }
        }

        AppDomain.CurrentDomain.ProcessExit += OnExit;
        AppDomain.CurrentDomain.UnhandledException += OnCrash;
        foreach (var signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT])
        {
            signals.Add(PosixSignalRegistration.Create(signal, _ => Restore()));
        }

        if (!OperatingSystem.IsWindows())
        {
            signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTSTP, OnStop));
            signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGCONT, OnContinue));
        }

        Enter();
    }

    /// <summary>Whether the descriptor is a terminal.</summary>
    public static bool IsTerminal(int descriptor) => Libc.isatty(descriptor) == 1;

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (sync)
        {
            if (disposed)
            {
                return;
            }

            disposed = true;
        }

        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        AppDomain.CurrentDomain.UnhandledException -= OnCrash;
        foreach (var signal in signals)
        {
            signal.Dispose();
        }

        Restore();
    }

    private void Enter()
    {
        lock (sync)
        {
            // Changing the settings from the background would stop the process (SIGTTOU); SIGCONT comes again with the foreground.
            var group = Libc.tcgetpgrp(descriptor);
            if (disposed || (group != -1 && group != Libc.getpgrp()))
            {
                return;
            }

            var settings = stackalloc byte[Libc.TermiosBytes];
            saved.AsSpan().CopyTo(new Span<byte>(settings, Libc.TermiosBytes));
            Libc.cfmakeraw(settings);
            raw = Libc.tcsetattr(descriptor, Libc.TCSANOW, settings) == 0;
        }
    }

    private void Restore()
    {
        lock (sync)
        {
            if (raw)
            {
                fixed (byte* p = saved)
                {
                    _ = Libc.tcsetattr(descriptor, Libc.TCSANOW, p);
                }

                raw = false;
            }
        }
    }

    private void OnStop(PosixSignalContext context)
    {
        context.Cancel = true;
        Restore();
        _ = Libc.kill(Libc.getpid(), Libc.SIGSTOP);
    }

    private void OnContinue(PosixSignalContext context)
    {
        // Else the .NET runtime gives the terminal the settings it found at start-up, after the handlers.
        context.Cancel = true;
        Enter();
    }

    private void OnExit(object? sender, EventArgs e) => Restore();

    private void OnCrash(object sender, UnhandledExceptionEventArgs e) => Restore();
}
