// --trace: a line for each instruction of a window of the run, with its disassembly and what it changed.
using Emu.Core;
using Emu.Cpu;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Machine.Lifecycle;

namespace Emu.Debug;

/// <summary>
/// Writes the trace. Outside of its window the vCPUs run at full speed; inside, the guest still runs as it would unwatched, so that a
/// trace has the same instructions whatever its window and whatever the engine.
/// </summary>
public sealed unsafe class InstructionTrace : IVcpuDriver, IInstructionObserver, IDisposable
{
    private const int BufferBytes = 1 << 16;

    private readonly ulong first;
    private readonly ulong end;
    private readonly string path;
    private readonly StreamWriter writer;
    private readonly A64Disassembler disassembler = new();
    private readonly List<Watched> watched = [];
    private ulong total;
    private ulong runStart;
    private ulong retiredBefore;
    private bool listed;

    /// <summary>What is known of a vCPU from its last instruction.</summary>
    private sealed class Watched
    {
        public RegisterFile Registers { get; } = new();

        public ulong? Pc { get; set; }
    }

    /// <summary>Creates the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="first">Instructions of the whole machine before the first one listed.</param>
    /// <param name="count">How many are listed.</param>
    /// <exception cref="EmuException">The file cannot be written, or there is no disassembler.</exception>
    public InstructionTrace(string path, ulong first, ulong count)
    {
        this.path = path;
        this.first = first;
        end = count > ulong.MaxValue - first ? ulong.MaxValue : first + count;
        try
        {
            writer = new StreamWriter(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, BufferBytes)) { NewLine = "\n" };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            disassembler.Dispose();
            throw new EmuException($"--trace '{path}' cannot be written; give a file in a directory you may write to", e);
        }
    }

    /// <inheritdoc/>
    public VcpuExit Run(IVcpu vcpu, ulong retiredLimit)
    {
        retiredBefore = vcpu.Retired;
        runStart = total;
        var exit = total < end
            ? ((Vcpu)vcpu).RunObserved(retiredLimit, retiredBefore + (first > total ? first - total : 0), this)
            : vcpu.Run(retiredLimit);
        total += vcpu.Retired - retiredBefore;
        return exit;
    }

    /// <inheritdoc/>
    void IInstructionObserver.Before(Vcpu vcpu, byte* code)
    {
        var s = vcpu.State;
        var index = runStart + (s->Retired - retiredBefore);
        listed = index >= first && index < end;
        if (!listed)
        {
            return;
        }

        while (watched.Count <= vcpu.Index)
        {
            watched.Add(new Watched());
        }

        var known = watched[vcpu.Index];
        if (known.Pc is { } pc && pc != s->Pc)
        {
            // Between two instructions only an exception moves the PC.
            writer.Write($"# cpu{vcpu.Index} exception:");
            known.Registers.WriteChanges(s, writer);
            writer.WriteLine();
        }
        else
        {
            known.Registers.Take(s);
        }

        var word = *(uint*)code;
        var el = ((Arm64Vcpu)vcpu).ExceptionLevel;
        writer.Write($"{index} cpu{vcpu.Index} el{el} {s->Pc:x16} {word:x8} {disassembler.Disassemble(s->Pc, word)}");
    }

    /// <inheritdoc/>
    bool IInstructionObserver.After(Vcpu vcpu, bool faulted)
    {
        var s = vcpu.State;
        if (listed)
        {
            writer.Write(faulted ? " ; faults" : " ;");
            watched[vcpu.Index].Registers.WriteChanges(s, writer);
            watched[vcpu.Index].Pc = s->Pc;
            writer.WriteLine();
        }

        return runStart + (s->Retired - retiredBefore) < end;
    }

    /// <summary>Writes the rest of the file.</summary>
    /// <exception cref="EmuException">It could not be written to the end.</exception>
    public void Dispose()
    {
        disassembler.Dispose();
        try
        {
            writer.Dispose();
        }
        catch (IOException e)
        {
            throw new EmuException($"--trace '{path}' could not be written to the end; look for room on the disk", e);
        }
    }
}
