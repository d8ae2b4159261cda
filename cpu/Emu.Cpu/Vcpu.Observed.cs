// Running under an observer: one instruction at a time, yet the guest's every event comes where it comes in a normal run.
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;

namespace Emu.Cpu;

public abstract unsafe partial class Vcpu
{
    private IInstructionObserver? observer;
    private ulong observeFrom = ulong.MaxValue;

    /// <summary>
    /// Runs as <see cref="Run"/> does, and tells the observer of each instruction from a retired count on. Interrupts and requests are looked
    /// at between the blocks of a normal run only, so that the guest runs the same whether it is watched or not; the observer is therefore
    /// told from the start of the block that holds the first instruction asked for.
    /// </summary>
    /// <param name="retiredLimit">As for <see cref="Run"/>.</param>
    /// <param name="from">Retired count of the first instruction to observe.</param>
    /// <param name="watcher">The observer.</param>
    public Core.VcpuExit RunObserved(ulong retiredLimit, ulong from, IInstructionObserver watcher)
    {
        observer = watcher;
        observeFrom = from;
        try
        {
            return Run(retiredLimit);
        }
        finally
        {
            observer = null;
            observeFrom = ulong.MaxValue;
        }
    }

    /// <summary>Runs the instructions of a block one after the other.</summary>
    private BlockExit EnterObserved(Block* block)
    {
        var s = State;
        var start = s->Pc;
        var (physical, count) = (block->Physical, block->Count);
        for (var i = 0; ;)
        {
            var pc = s->Pc;
            var retired = s->Retired;
            var one = PrivateBlock(physical + (pc - start), 1);
            var length = (ulong)one->Length;
            var region = Memory.FindRam(one->Physical)!;
            observer!.Before(this, region.Host + (one->Physical - region.Start));
            BlockExit exit;
            runningPrivate = true;
            s->Scratch->Kind = Untouched;
            do
            {
                // A request from another thread closes the limit; it waits for the end of the block, as it would in a normal run.
                Volatile.Write(ref s->Limit, retired + 1);
                exit = Enter(one);
            }
            while (exit != BlockExit.Fault && s->Retired == retired && s->Pc == pc);

            s->LinkFrom = null;
            if (!observer.After(this, exit == BlockExit.Fault))
            {
                observeFrom = ulong.MaxValue;
            }

            if (++i == count || exit == BlockExit.Fault || s->Pc != pc + length || s->Scratch->Kind != Untouched)
            {
                return exit == BlockExit.Fault ? exit : BlockExit.Left;
            }
        }
    }
}
