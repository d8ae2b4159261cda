// What an arm64 kernel tells its programs of the CPU, derived from the ID registers (Linux, Documentation/arch/arm64/elf_hwcaps.rst).
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cli.Tests;

/// <summary>One word of /proc/cpuinfo's Features, with its bit in AT_HWCAP or AT_HWCAP2 and the ID register field it comes from.</summary>
/// <param name="Name">The word.</param>
/// <param name="Word">1 for AT_HWCAP, 2 for AT_HWCAP2.</param>
/// <param name="Bit">Bit in it.</param>
/// <param name="Register">CRm * 8 + op2 of the ID register, or -1: always there.</param>
/// <param name="Shift">The field's lowest bit.</param>
/// <param name="Minimum">Value of the field from which the kernel says so.</param>
/// <param name="Since">Kernel version, major * 100 + minor.</param>
internal sealed record HardwareCapability(string Name, int Word, int Bit, int Register = HardwareCapability.Always, int Shift = 0, uint Minimum = 1, int Since = 0)
{
    private const int Always = -1;
    private const int Pfr0 = 4 << 3, Pfr1 = Pfr0 | 1, Isar0 = 6 << 3, Isar1 = Isar0 | 1, Isar2 = Isar0 | 2, Mmfr0 = 7 << 3, Mmfr2 = Mmfr0 | 2;
    private const uint NotImplemented = 15;
    private const int PauthApa = 4, PauthApi = 8, PauthGpa = 24, PauthGpi = 28;

    /// <summary>Every word of the kernels here, but those of features whose registers this CPU has not (SVE, SME, MTE).</summary>
    public static IReadOnlyList<HardwareCapability> All { get; } =
    [
        new("fp", 1, 0, Pfr0, 16, 0), new("asimd", 1, 1, Pfr0, 20, 0), new("evtstrm", 1, 2), new("aes", 1, 3, Isar0, 4), new("pmull", 1, 4, Isar0, 4, 2),
        new("sha1", 1, 5, Isar0, 8), new("sha2", 1, 6, Isar0, 12), new("crc32", 1, 7, Isar0, 16), new("atomics", 1, 8, Isar0, 20, 2),
        new("fphp", 1, 9, Pfr0, 16), new("asimdhp", 1, 10, Pfr0, 20), new("cpuid", 1, 11), new("asimdrdm", 1, 12, Isar0, 28),
        new("jscvt", 1, 13, Isar1, 12), new("fcma", 1, 14, Isar1, 16), new("lrcpc", 1, 15, Isar1, 20), new("dcpop", 1, 16, Isar1, 0),
        new("sha3", 1, 17, Isar0, 32), new("sm3", 1, 18, Isar0, 36), new("sm4", 1, 19, Isar0, 40), new("asimddp", 1, 20, Isar0, 44),
        new("sha512", 1, 21, Isar0, 12, 2), new("asimdfhm", 1, 23, Isar0, 48), new("dit", 1, 24, Pfr0, 48), new("uscat", 1, 25, Mmfr2, 32),
        new("ilrcpc", 1, 26, Isar1, 20, 2), new("flagm", 1, 27, Isar0, 52), new("ssbs", 1, 28, Pfr1, 4, 2), new("sb", 1, 29, Isar1, 36),
        new("paca", 1, 30, Isar1, PauthApi), new("pacg", 1, 31, Isar1, PauthGpi),
        new("dcpodp", 2, 0, Isar1, 0, 2), new("flagm2", 2, 7, Isar0, 52, 2), new("frint", 2, 8, Isar1, 32), new("i8mm", 2, 13, Isar1, 52),
        new("bf16", 2, 14, Isar1, 44), new("dgh", 2, 15, Isar1, 48), new("rng", 2, 16, Isar0, 60), new("bti", 2, 17, Pfr1, 0),
        new("ecv", 2, 19, Mmfr0, 60), new("rpres", 2, 21, Isar2, 4), new("wfxt", 2, 31, Isar2, 0, 2), new("ebf16", 2, 32, Isar1, 44, 2),
        new("cssc", 2, 34, Isar2, 52, 1, 603), new("rprfm", 2, 35, Isar2, 48, 1, 603), new("mops", 2, 43, Isar2, 16, 1, 605), new("hbc", 2, 44, Isar2, 20, 1, 606),
    ];

    /// <summary>Whether a kernel sees it.</summary>
    /// <param name="idRegisters"><see cref="A64Features.IdRegisters"/>.</param>
    /// <param name="kernel">Its version, major * 100 + minor.</param>
    public bool IsPresent(ulong[] idRegisters, int kernel)
    {
        if (kernel < Since)
        {
            return false;
        }

        if (Register == Always)
        {
            return true;
        }

        bool Reaches(int shift)
        {
            var field = (uint)(idRegisters[Register] >> shift) & 15;
            return field >= Minimum && !(Register == Pfr0 && field == NotImplemented);
        }

        // Either algorithm of pointer authentication.
        return Reaches(Shift) || (Name == "paca" && Reaches(PauthApa)) || (Name == "pacg" && Reaches(PauthGpa));
    }
}
