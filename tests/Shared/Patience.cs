// How a test waits for another thread or process: for the condition itself, up to a limit that only a hang reaches.
namespace Emu.Tests;

/// <summary>A test that waits for a fixed or short time fails on a slow or busy host, and one that does not wait at all sometimes.</summary>
internal static class Patience
{
    /// <summary>What takes milliseconds on an idle host ends in this time on any.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>Waits until a condition holds; the test fails when it never does.</summary>
    /// <param name="condition">Looked at again and again, on this thread.</param>
    /// <param name="failure">What is wrong then.</param>
    public static void Until(Func<bool> condition, string failure) => Assert.True(SpinWait.SpinUntil(condition, Limit), failure);

    /// <summary>Waits for the end of a thread.</summary>
    public static void Join(Thread thread, string failure = "the thread does not end") => Assert.True(thread.Join(Limit), failure);

    /// <summary>Waits for an event.</summary>
    public static void For(ManualResetEventSlim happened, string failure) => Assert.True(happened.Wait(Limit), failure);
}
