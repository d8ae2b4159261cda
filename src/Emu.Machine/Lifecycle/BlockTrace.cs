// The instructions a deterministic guest executes up to a count, the block that ends there among them, with addresses and encodings.
using System.Globalization;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Machine.Lifecycle;

/// <summary>Runs a guest up to a count, and the last instructions before it one by one.</summary>
/// <param name="create">Makes the machine.</param>
/// <param name="disassemble">Gives the text of an instruction from its address and encoding.</param>
public sealed class BlockTrace(Func<VirtualMachine> create, Func<ulong, uint, string> disassemble)
{
    /// <summary>Instructions looked at, at most: no block is longer.</summary>
    private const ulong Length = 64;

    private const ulong InstructionBytes = 4;

    private readonly record struct Executed(int Vcpu, ulong Pc, ulong? Physical, uint Word);

    /// <summary>
    /// The last instructions up to number <paramref name="count"/>. Those of its block are marked; what compiled code did wrong may lie before them, as
    /// it may run several blocks in one piece.
    /// </summary>
    public IEnumerable<string> Before(ulong count)
    {
        var trace = Trace(count);
        if (trace.Count == 0)
        {
            yield return "(the guest ended before)";
            yield break;
        }

        var first = trace.Count - 1;
        while (first > 0 && Follows(trace[first - 1], trace[first]))
        {
            first--;
        }

        yield return $"on vcpu{trace[^1].Vcpu}, the last of these instructions (> its block):";
        for (var i = 0; i < trace.Count; i++)
        {
            var e = trace[i];
            var mark = i >= first ? '>' : ' ';
            yield return e.Physical is { } physical
                ? string.Create(CultureInfo.InvariantCulture, $"{mark} 0x{e.Pc:x} (physical 0x{physical:x}): {e.Word:x8}  {disassemble(e.Pc, e.Word)}").TrimEnd()
                : string.Create(CultureInfo.InvariantCulture, $"{mark} 0x{e.Pc:x} (no translation)");
        }
    }

    private List<Executed> Trace(ulong count)
    {
        var trace = new List<Executed>();
        using var machine = create();
        var retired = machine.Vcpus.Select(v => v.Retired).ToArray();
        var next = machine.Vcpus.Select(v => Look(machine, v.Index)).ToArray();
        machine.SetCheckpoint(count > Length ? count - Length : 0, now =>
        {
            for (var i = 0; i < next.Length; i++)
            {
                if (machine.Vcpus[i].Retired == retired[i] + 1)
                {
                    trace.Add(next[i]);
                }

                retired[i] = machine.Vcpus[i].Retired;
                next[i] = Look(machine, i);
            }

            if (now == count)
            {
                machine.Control.Stop(new RunOutcome(RunEnd.Quit));
            }

            return now + 1;
        });
        machine.Run();
        return trace;
    }

    private static Executed Look(VirtualMachine machine, int index)
    {
        var pc = machine.Vcpus[index].ProgramCounter;
        return machine.Vcpus[index] is Arm64Vcpu vcpu && vcpu.TryTranslateInstruction(pc, out var physical) && machine.Memory.FindRam(physical) is not null
            ? new Executed(index, pc, physical, (uint)machine.Memory.Read(physical, (int)InstructionBytes))
            : new Executed(index, pc, null, 0);
    }

    /// <summary>Whether both are in one block: of one vCPU, one behind the other, and no branch between. A NOP-like hint does not end a block.</summary>
    private static bool Follows(in Executed before, in Executed after) =>
        before.Vcpu == after.Vcpu && before.Pc + InstructionBytes == after.Pc && before.Physical is not null && !Branches(before.Word)
        && (after.Pc & 0xFFF) != 0;

    /// <summary>Branches, exception generation and system instructions (Arm ARM C4.1: bits 28 to 26 are 101), hints aside.</summary>
    private static bool Branches(uint word) => ((word >> 26) & 7) == 0b101 && (word & 0xFFFF_F01F) != 0xD503_201F;
}
