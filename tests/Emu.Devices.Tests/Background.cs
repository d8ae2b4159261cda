// Work of a test that goes on beside it, on a thread of its own.
using System.Runtime.ExceptionServices;

namespace Emu.Devices.Tests;

/// <summary>Begins at once; <see cref="Join"/> before its results are used.</summary>
internal sealed class Background
{
    private readonly Thread thread;
    private ExceptionDispatchInfo? failure;

    public Background(Action body)
    {
        thread = new Thread(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true };
        thread.Start();
    }

    /// <summary>Waits for the end; a failure of the work is the test's.</summary>
    public void Join()
    {
        Patience.Join(thread, "work beside the test does not end");
        failure?.Throw();
    }
}
