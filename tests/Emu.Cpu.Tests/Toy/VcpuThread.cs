// Runs a toy vCPU on a thread of its own until it is disposed of.
namespace Emu.Cpu.Tests.Toy;

/// <summary>The thread: runs, sleeps while halted, counts its returns.</summary>
public sealed unsafe class VcpuThread : IDisposable
{
    private readonly ToyVcpu cpu;
    private readonly Thread thread;
    private readonly ManualResetEventSlim halted = new();
    private readonly bool sleepWhenHalted;
    private volatile bool stop;
    private int kicked;
    private int halts;

    public VcpuThread(ToyVcpu cpu, bool sleepWhenHalted = false)
    {
        this.cpu = cpu;
        this.sleepWhenHalted = sleepWhenHalted;
        thread = new Thread(Loop) { IsBackground = true };
        thread.Start();
    }

    public int Kicked => Volatile.Read(ref kicked);

    public int Halts => Volatile.Read(ref halts);

    public Exception? Failure { get; private set; }

    public bool WaitForHalt() => halted.Wait(Patience.Limit);

    /// <summary>Waits until the vCPU retired more instructions (kicking it: compiled loops keep the count in a register).</summary>
    public void WaitForProgress(ulong instructions)
    {
        var target = cpu.Retired + instructions;
        Patience.Until(
            () =>
            {
                cpu.Request(VcpuRequest.Code);
                return Volatile.Read(ref cpu.State->Retired) >= target || Failure != null;
            },
            "the vCPU does not run");
        Assert.Null(Failure);
    }

    public void Dispose()
    {
        stop = true;
        cpu.Kick();
        Patience.Join(thread, "the vCPU does not come back from Run");
        Assert.Null(Failure);
        halted.Dispose();
    }

    private void Loop()
    {
        try
        {
            while (!stop)
            {
                switch (cpu.Run(ulong.MaxValue))
                {
                    case Core.VcpuExit.Kicked:
                        Interlocked.Increment(ref kicked);
                        break;
                    case Core.VcpuExit.Halted:
                        Interlocked.Increment(ref halts);
                        halted.Set();
                        if (!sleepWhenHalted)
                        {
                            return;
                        }

                        cpu.WaitForWork();
                        break;
                }
            }
        }
        catch (Exception e) when (e is InvalidOperationException or NullReferenceException)
        {
            Failure = e;
        }
    }
}
