// Debian's full arm64 kernels: they boot, their programs see what the ID registers say, and their own self-tests pass on this CPU.
using System.Globalization;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cli.Tests;

public sealed class KernelTests
{
    private const string Bookworm = "debian-arm64-full";
    private const string Trixie = "debian-arm64-trixie";
    private const string Trixie16K = "debian-arm64-trixie-16k";
    private const int AuxiliaryHwcap = 16;
    private const int AuxiliaryHwcap2 = 26;

    /// <summary>Loads modules whose algorithms the kernel tests when they are registered, and looks for anything that did not pass. Prints "modules N" at the end.</summary>
    private const string Load = """
        load() {
          for m in "$@"; do
            [ -e "/lib/modules/$(uname -r)/$m.ko" ] || continue
            modprobe "$m" || echo "FAILED: modprobe $m"
          done
        }
        verdict() {
          dmesg | grep -iE 'alg:.*(fail|mismatch)|raid6:.*(fail|corrupt)|xor:.*fail|BUG:|WARNING:|Oops|Internal error' | grep -vE 'alg: .*(: -2|\(rc=-2\))$' | sed 's/^/FAILED: /'
          dmesg | grep -E 'test_bpf: #.* FAIL( |$)|test_bpf: .*Summary: .*, [1-9][0-9]* FAILED' | sed 's/^/FAILED: /'
          awk '/^driver/ { d = $3 } /^selftest/ && $3 != "passed" { print "FAILED: selftest of", d, $3 } /^selftest/ { n++ } END { print "algorithms", n }' /proc/crypto
          dmesg | grep -oE 'raid6: using algorithm [a-z0-9]+|xor: using function: [a-z0-9_]+|test_bpf: Summary: .*|test_user_copy: .*'
          lsmod | awk 'END { print "modules", NR - 1 }'
        }
        """;

    private const string QuickModules =
        "aes_ce_blk aes_ce_ccm aes_ce_cipher aes_neon_blk aes_neon_bs chacha_neon crct10dif_ce ghash_ce nhpoly1305_neon poly1305_neon polyval_ce sha1_ce "
        + "sha256_arm64 sha2_ce sha3_ce sha512_arm64 sha512_ce xor raid6_pq test_static_keys";

    private static readonly string Root = FindRoot();

    [Theory]
    [InlineData(Bookworm, "jit")]
    [InlineData(Trixie, "jit")]
    [InlineData(Trixie16K, "jit")]
    [InlineData(Trixie, "interpreter")]
    public void Kernel_SeesTheIdRegisters_AndPassesItsQuickSelfTests(string guest, string engine) => CheckQuickly(guest, engine);

    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(Bookworm)]
    [InlineData(Trixie16K)]
    public void Kernel_OnTheInterpreter_PassesItsQuickSelfTests(string guest) => CheckQuickly(guest, "interpreter");

    /// <summary>Every module of the guest: each algorithm is tested when it is registered. efivarfs wants firmware.</summary>
    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(Bookworm)]
    [InlineData(Trixie)]
    [InlineData(Trixie16K)]
    public void Kernel_PassesTheSelfTestsOfAllModules(string guest)
    {
        var lines = Boot(guest, Load + """

            load $(cd "/lib/modules/$(uname -r)" && ls | sed -n '/^tcrypt\|^virtio\|^test_firmware\|^test_bpf\|^efivarfs/d; s/\.ko$//p')
            verdict
            """);
        Assert.DoesNotContain(lines, l => l.StartsWith("FAILED", StringComparison.Ordinal));
        Assert.InRange(Number(lines, "algorithms"), 130, 1000);
    }

    /// <summary>The BPF compiler's test: programs compiled to A64 and run.</summary>
    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(Bookworm)]
    [InlineData(Trixie)]
    [InlineData(Trixie16K)]
    public void Kernel_PassesTestBpf(string guest)
    {
        var lines = Boot(guest, Load + """

            load test_bpf
            verdict
            """);
        Assert.DoesNotContain(lines, l => l.StartsWith("FAILED", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("test_bpf: Summary: ", StringComparison.Ordinal) && l.Contains(" 0 FAILED", StringComparison.Ordinal));
    }

    /// <summary>Every test of tcrypt (ENOENT, -2, is an algorithm that Debian does not build), which loads every algorithm that there is by its name. It ends in an error on purpose: it is not to stay loaded.</summary>
    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(Bookworm)]
    [InlineData(Trixie)]
    [InlineData(Trixie16K)]
    public void Kernel_PassesTcrypt(string guest)
    {
        var lines = Boot(guest, Load + """

            modprobe tcrypt mode=0 2>/dev/null
            verdict
            """);
        Assert.DoesNotContain(lines, l => l.StartsWith("FAILED", StringComparison.Ordinal));
        Assert.InRange(Number(lines, "algorithms"), 130, 1000);
    }

    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(Bookworm, 2)]
    [InlineData(Bookworm, 4)]
    [InlineData(Trixie, 2)]
    [InlineData(Trixie, 4)]
    [InlineData(Trixie16K, 4)]
    public void Kernel_OnSeveralVcpus_RunsThreaded_AndTwiceTheSameDeterministic(string guest, int vcpus)
    {
        const string Command = "nproc; modprobe sha512-ce && grep -c passed /proc/crypto";
        var cpus = $"boot={vcpus}";
        Assert.Equal(vcpus.ToString(CultureInfo.InvariantCulture), Boot(guest, Command, "--cpus", cpus)[0]);
        string Hash(string engine)
        {
            var result = EmuProcess.Run(Root, "boot", guest, "--exec", Command, "--cpus", cpus, "--engine", engine, "--deterministic=1", "--state-hash");
            Assert.Equal(0, result.Status);
            return result.Output.Split('\n').Single(l => l.StartsWith("state-hash=", StringComparison.Ordinal));
        }

        var first = Hash("jit");
        Assert.Equal(first, Hash("jit"));
        Assert.Equal(first, Hash("interpreter"));
    }

    /// <summary>In the guest's own time: on a slow or busy host the kernel would rightly complain of what takes long.</summary>
    private static void CheckQuickly(string guest, string engine)
    {
        var lines = Boot(guest, $"""
            uname -r
            grep -m1 ^Features /proc/cpuinfo
            dmesg | grep -cE 'hw perfevents: enabled with armv8_pmuv3 PMU driver, 7 '
            dmesg | grep -c '52-bit Virtual Addressing (LPA2)'
            od -An -v -tx8 /proc/self/auxv
            {Load}
            load {QuickModules}
            verdict
            """, "--engine", engine, "--deterministic=1");
        var version = lines[0].Split('.');
        var kernel = (int.Parse(version[0], CultureInfo.InvariantCulture) * 100) + int.Parse(version[1], CultureInfo.InvariantCulture);
        var id = A64Features.IdRegisters(A64Features.Implemented, gicSystemRegisters: true);
        var promised = HardwareCapability.All.Where(c => c.IsPresent(id, kernel)).ToArray();
        Assert.Equal(promised.Select(c => c.Name).Order(), lines[1].Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries).Order());
        Assert.Equal(Bits(promised, 1), Auxiliary(lines, AuxiliaryHwcap));
        Assert.Equal(Bits(promised, 2), Auxiliary(lines, AuxiliaryHwcap2));
        Assert.Equal("1", lines[2]);
        Assert.Equal(kernel >= 612 ? "1" : "0", lines[3]);
        Assert.DoesNotContain(lines, l => l.StartsWith("FAILED", StringComparison.Ordinal));
        Assert.InRange(Number(lines, "algorithms"), 70, 1000);
        Assert.InRange(Number(lines, "modules"), 15, 100);

        // Which one is a matter of the benchmark's timing.
        Assert.Contains(lines, l => l.StartsWith("raid6: using algorithm ", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("xor: using function: ", StringComparison.Ordinal));
    }

    /// <summary>Lines of the command's output.</summary>
    private static string[] Boot(string guest, string command, params string[] options)
    {
        var result = EmuProcess.Run(Root, ["boot", guest, "--exec", command, .. options]);
        Assert.True(result.Status == 0, $"status {result.Status}\n{result.Output}{result.Error}");
        return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static int Number(string[] lines, string key) =>
        int.Parse(lines.Single(l => l.StartsWith(key + " ", StringComparison.Ordinal))[key.Length..], CultureInfo.InvariantCulture);

    private static ulong Bits(IEnumerable<HardwareCapability> capabilities, int word) =>
        capabilities.Where(c => c.Word == word).Aggregate(0UL, (bits, c) => bits | (1UL << c.Bit));

    /// <summary>A value of the auxiliary vector, which od prints a pair a line.</summary>
    private static ulong Auxiliary(string[] lines, int type)
    {
        foreach (var line in lines)
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 2 && words[0].Length == 16 && ulong.TryParse(words[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var found) && found == (ulong)type)
            {
                return ulong.Parse(words[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            }
        }

        throw new InvalidOperationException($"no entry {type} in the auxiliary vector");
    }

    private static string FindRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Emu.sln")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException("the tests do not lie in the project's directory");
    }
}
