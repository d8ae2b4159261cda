// A program that a test talks to, and that ends with it.
using System.Diagnostics;

namespace Emu.Tests;

/// <summary>A process that does not outlive the test.</summary>
internal sealed class RunningTool : Process
{
    protected override void Dispose(bool disposing)
    {
        if (disposing && !HasExited)
        {
            Kill(entireProcessTree: true);
            WaitForExit();
        }

        base.Dispose(disposing);
    }
}
