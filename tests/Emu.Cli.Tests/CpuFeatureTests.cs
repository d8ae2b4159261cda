// --cpu on a real guest: the kernel and its programs see exactly the features that are left.
namespace Emu.Cli.Tests;

public sealed class CpuFeatureTests
{
    [Fact]
    public void Features_TakenAway_AreGoneFromTheGuest()
    {
        const string Command = "grep -m1 ^Features /proc/cpuinfo";
        var all = Words(DebianGuest.Boot("--exec", Command));
        var less = Words(DebianGuest.Boot("--exec", Command, "--cpu", "max,-lse,-sha3,-sha512,-flagm,-flagm2,-sve"));
        Assert.Equal(["asimddp", "atomics", "sha3", "sha512"], all.Intersect(["atomics", "sha3", "sha512", "asimddp"]).Order());
        Assert.Equal(all.Except(["atomics", "sha3", "sha512", "flagm", "flagm2"]).Order(), less.Order());
    }

    [Fact]
    public void Qarma5_IsWhatTheKernelFinds()
    {
        const string Command = "dmesg | grep -o 'Address authentication (.*)'";
        Assert.Contains("IMP DEF", DebianGuest.Boot("--exec", Command).Output, StringComparison.Ordinal);
        Assert.Contains("QARMA5", DebianGuest.Boot("--exec", Command, "--cpu", "max,pauth-qarma5").Output, StringComparison.Ordinal);
    }

    private static string[] Words(EmuResult result)
    {
        Assert.Equal(0, result.Status);
        return result.Output.Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
