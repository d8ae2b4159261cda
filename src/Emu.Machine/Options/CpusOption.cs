// --cpus boot=N[,max=M]: how many vCPUs the machine has.
using Emu.Core;
using Emu.Machine.Boards;

namespace Emu.Machine.Options;

/// <summary>The number of vCPUs.</summary>
/// <param name="Boot">vCPUs present at power-on, 1 to 32.</param>
/// <param name="Maximum">vCPUs the interrupt controller has room for, <paramref name="Boot"/> to 32.</param>
public readonly record struct CpusOption(int Boot, int Maximum)
{
    /// <summary>One vCPU.</summary>
    public static readonly CpusOption Default = new(1, 1);

    /// <summary>Parses the option's value.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static CpusOption Parse(string text)
    {
        var option = OptionString.Parse("--cpus", text, "boot", "max");
        var boot = option.Integer("boot", 1, Arm64Layout.MaximumVcpus)
            ?? throw new EmuException($"--cpus {text}: boot= is missing; expected boot=N[,max=M]");
        var maximum = option.Integer("max", 1, Arm64Layout.MaximumVcpus) ?? boot;
        if (maximum < boot)
        {
            throw new EmuException($"--cpus {text}: max={maximum} is less than boot={boot}; give max={boot} or more");
        }

        return new CpusOption(boot, maximum);
    }
}
