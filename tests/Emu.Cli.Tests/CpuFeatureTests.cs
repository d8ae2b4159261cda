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

    /// <summary>
    /// A program that asks Linux for guarded pages: a BLR to BTI c, with an argument to a NOP, with two arguments a BR to BTI c. Its first branch is checked
    /// as the others are.
    /// </summary>
    [Theory]
    [InlineData("max", "interpreter", "0 132 132")]
    [InlineData("max", "jit", "0 132 132")]
    [InlineData("max,-bti", "jit", "0 0 0")]
    public void GuardedPages_StopBranchesToOtherThanLandingPads(string cpu, string engine, string statuses)
    {
        uint[] program =
        [
            0xF94003F4, // ldr x20, [sp]
            0xF1000A9F, // cmp x20, #0x2
            0x540000CB, // b.lt call
            0x10000185, // adr x5, nop
            0x540000A0, // b.eq branch
            0x10000105, // adr x5, pad
            0x1000009E, // adr x30, exit
            0xD61F00A0, // br x5
            0x100000A5, // call: adr x5, pad
            0xD63F00A0, // branch: blr x5
            0xD2800000, // exit: mov x0, #0
            0xD2800BA8, // mov x8, #93
            0xD4000001, // svc #0x0
            0xD503245F, // pad: bti c
            0xD65F03C0, // ret
            0xD503201F, // nop: nop
            0xD65F03C0, // ret
        ];
        var file = Convert.ToBase64String(GuardedElf(program));
        var result = DebianGuest.Boot(
            "--cpu", cpu, "--engine", engine, "--exec",
            $"cd /tmp; echo {file} | base64 -d >p; chmod +x p; ./p; a=$?; ./p 1 2>&-; b=$?; ./p 1 2 2>&-; echo $a $b $?");
        Assert.EndsWith(statuses, result.Output.TrimEnd(), StringComparison.Ordinal);
    }

    /// <summary>A static ELF program whose GNU property note says BTI.</summary>
    private static byte[] GuardedElf(uint[] program)
    {
        const ulong Base = 0x400000;
        const ushort Executable = 2, Aarch64 = 183, HeaderBytes = 64, SegmentBytes = 56, Segments = 2;
        const uint Load = 1, Property = 0x6474E553, ReadExecute = 5, Read = 4;
        const ulong NoteAt = HeaderBytes + (SegmentBytes * Segments), NoteBytes = 32, CodeAt = NoteAt + NoteBytes;
        var stream = new MemoryStream();
        using var w = new BinaryWriter(stream);
        w.Write("\u007fELF\u0002\u0001\u0001"u8);
        w.Write(new byte[9]);
        w.Write(Executable);
        w.Write(Aarch64);
        w.Write(1);
        w.Write(Base + CodeAt);
        w.Write((ulong)HeaderBytes);
        w.Write(0UL);
        w.Write(0);
        foreach (var half in (ushort[])[HeaderBytes, SegmentBytes, Segments, 0, 0, 0])
        {
            w.Write(half);
        }

        var length = CodeAt + ((ulong)program.Length * sizeof(uint));
        foreach (var (type, flags, at, bytes, alignment) in ((uint, uint, ulong, ulong, ulong)[])[(Load, ReadExecute, 0, length, 0x10000), (Property, Read, NoteAt, NoteBytes, 8)])
        {
            w.Write(type);
            w.Write(flags);
            foreach (var value in (ulong[])[at, Base + at, Base + at, bytes, bytes, alignment])
            {
                w.Write(value);
            }
        }

        // Name and descriptor sizes, NT_GNU_PROPERTY_TYPE_0, name; GNU_PROPERTY_AARCH64_FEATURE_1_AND, its size, BTI, padding.
        foreach (var word in (uint[])[4, 16, 5, 0x554E47, 0xC0000000, 4, 1, 0, .. program])
        {
            w.Write(word);
        }

        w.Flush();
        return stream.ToArray();
    }

    private static string[] Words(EmuResult result)
    {
        Assert.Equal(0, result.Status);
        return result.Output.Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
