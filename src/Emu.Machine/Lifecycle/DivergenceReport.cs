// What is told about the instruction after which two machines differ: who ran it, the code around it, and every difference.
using System.Globalization;
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Machine.Lifecycle;

/// <summary>Looks at both machines before and after the instruction.</summary>
internal sealed class DivergenceReport(VirtualMachine first, VirtualMachine second)
{
    /// <summary>Instructions of the block that are shown, at most.</summary>
    private const int InstructionsShown = 16;

    private const int InstructionLength = 4;

    private readonly List<string> lines = [];
    private ulong[] retired = [];
    private ulong[] pcs = [];

    /// <summary>The report.</summary>
    public IReadOnlyList<string> Lines => lines;

    /// <summary><see cref="After"/> was called.</summary>
    public bool Complete { get; private set; }

    /// <summary>Both machines stand before the instruction.</summary>
    public void Before()
    {
        retired = [.. first.Vcpus.Select(v => v.Retired)];
        pcs = [.. first.Vcpus.Select(v => v.ProgramCounter)];
    }

    /// <summary>Both stand after it.</summary>
    public void After()
    {
        Complete = true;
        var differences = new StateComparison(first, second).Differences().ToArray();
        Place();
        lines.Add("differences, first | second:");
        lines.AddRange(differences.Select(d => $"  {d}"));
    }

    /// <summary>At least one ended with it.</summary>
    public void Ended(LockstepEnd end)
    {
        Place();
        lines.Add($"the first machine ended with {end.First.End} after {first.Instructions} instructions, the second with {end.Second.End} after {second.Instructions}");
        lines.AddRange(new StateComparison(first, second).Differences().Select(d => $"  {d}"));
    }

    private void Place()
    {
        var index = 0;
        while (index < retired.Length - 1 && first.Vcpus[index].Retired == retired[index])
        {
            index++;
        }

        var pc = pcs[index];
        lines.Add($"vcpu{index} at PC 0x{pc:x}:");
        if (first.Vcpus[index] is not Arm64Vcpu vcpu || !vcpu.TryTranslateInstruction(pc, out var physical))
        {
            lines.Add("  (the address has no translation now)");
            return;
        }

        var length = Math.Min(InstructionsShown, (0x1000 - (int)(physical & 0xFFF)) / InstructionLength);
        for (var i = 0; i < length; i++)
        {
            var at = (ulong)(i * InstructionLength);
            var word = (uint)first.Memory.Read(physical + at, InstructionLength);
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"  {(i == 0 ? '>' : ' ')} 0x{pc + at:x} (physical 0x{physical + at:x}): {word:x8}"));
            if (Ends(word))
            {
                break;
            }
        }
    }

    /// <summary>Branches, exception generation and system instructions (Arm ARM C4.1.66: op0 of the top level is 101x).</summary>
    private static bool Ends(uint word) => ((word >> 26) & 7) == 0b101;
}
