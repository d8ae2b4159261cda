// A vCPU whose instructions are C#: lets the tests of the lifecycle count every one.
using Emu.Core;
using Emu.Machine.Engines;

namespace Emu.Machine.Tests;

/// <summary>Runs one delegate an instruction, in blocks, as a real engine does: kicks are seen between blocks only.</summary>
public sealed class FakeVcpu(int index) : IVcpu
{
    public const int BlockLength = 16;

    private readonly object gate = new();
    private bool kicked;
    private bool interrupt;
    private bool poweredOff = index != 0;

    /// <summary>The instruction; returns an exit that ends the run after it, or null.</summary>
    public Func<FakeVcpu, VcpuExit?> Step { get; set; } = _ => null;

    public int Index => index;

    public ulong Retired { get; private set; }

    /// <summary>Like an engine's: kept for the instruction that runs, and stale between runs.</summary>
    public ulong ExactRetired { get; private set; }

    public ulong ProgramCounter => Retired * 4;

    public string SnapshotName => $"vcpu{index}";

    public bool HasWork
    {
        get
        {
            lock (gate)
            {
                return interrupt && !poweredOff;
            }
        }
    }

    public int Resets { get; private set; }

    public (ulong Entry, ulong Argument) BootState { get; private set; }

    public void PowerOn(ulong entry = 0, ulong argument = 0)
    {
        poweredOff = false;
        BootState = (entry, argument);
    }

    public VcpuExit Run(ulong retiredLimit)
    {
        if (poweredOff)
        {
            return VcpuExit.PoweredOff;
        }

        while (true)
        {
            lock (gate)
            {
                if (kicked && Retired % BlockLength == 0)
                {
                    kicked = false;
                    return VcpuExit.Kicked;
                }
            }

            if (Retired >= retiredLimit)
            {
                return VcpuExit.LimitReached;
            }

            ExactRetired = Retired;
            var exit = Step(this);
            Retired++;
            if (exit is { } e)
            {
                if (e == VcpuExit.Halted)
                {
                    lock (gate)
                    {
                        if (interrupt)
                        {
                            interrupt = false;
                            continue;
                        }
                    }
                }

                return e;
            }
        }
    }

    public void WaitForWork()
    {
        lock (gate)
        {
            while (!kicked && !(interrupt && !poweredOff))
            {
                Monitor.Wait(gate);
            }
        }
    }

    public void Kick()
    {
        lock (gate)
        {
            kicked = true;
            Monitor.PulseAll(gate);
        }
    }

    public void SetInterrupt(CpuInterrupt kind, bool level)
    {
        lock (gate)
        {
            interrupt |= level;
            Monitor.PulseAll(gate);
        }
    }

    public void Reset()
    {
        Resets++;
        poweredOff = index != 0;
    }

    public void Save(SnapshotWriter writer) => writer.U64(Retired);

    public void Restore(SnapshotReader reader) => Retired = reader.U64();
}

/// <summary>An engine of fakes.</summary>
public sealed class FakeEngine : ICpuEngine, IEngineStatistics
{
    public List<FakeVcpu> Vcpus { get; } = [];

    public List<VcpuConfiguration> Configurations { get; } = [];

    public Func<FakeEngine, FakeVcpu, VcpuExit?> Step { get; set; } = (_, _) => null;

    public string Name => "fake";

    public bool HasPmu => true;

    public IEngineStatistics Statistics => this;

    public ulong BlocksTranslated => 42;

    public IEnumerable<(string Name, double Value)> Counters => [("fake_counter", 1.5)];

    public IVcpu CreateVcpu(in VcpuConfiguration configuration)
    {
        Configurations.Add(configuration);
        var vcpu = new FakeVcpu(configuration.Index) { Step = v => Step(this, v) };
        Vcpus.Add(vcpu);
        return vcpu;
    }

    public void SetBootState(IVcpu vcpu, ulong entry, ulong argument) => ((FakeVcpu)vcpu).PowerOn(entry, argument);

    public void Dispose() { }
}
