// The guest cache: what is damaged is noticed and provided again.
using System.Security.Cryptography;

namespace Emu.Cli.Tests;

public sealed class GuestCacheTests : IDisposable
{
    private readonly DirectoryInfo cache = Directory.CreateTempSubdirectory("emu-cache-test-");
    private readonly string guest;

    public GuestCacheTests()
    {
        guest = Path.Combine(cache.FullName, "emu", "guests", "debian-arm64");
        var source = Path.GetDirectoryName(Path.GetDirectoryName(DebianGuest.Kernel))!;
        foreach (var file in new[] { DebianGuest.Kernel, DebianGuest.Initramfs }.SelectMany(f => Directory.GetFiles(Path.GetDirectoryName(f)!)))
        {
            var copy = Path.Combine(guest, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private static string Script => Path.Combine(DebianGuest.Root, "testroms", "guests", "debian-arm64");

    public void Dispose() => cache.Delete(recursive: true);

    [Fact]
    public void DamagedInitramfs_IsBuiltAgain()
    {
        var file = Copy(DebianGuest.Initramfs);
        Flip(file);
        var result = Provide();
        Assert.Contains("building the initramfs", result.Error, StringComparison.Ordinal);
        Assert.Equal(Hash(DebianGuest.Initramfs), Hash(file));
        Assert.Equal("", Provide().Error);
    }

    [Fact]
    [Trait("Category", "Nightly")] // fetches packages
    public void DamagedKernel_IsFetchedAgain()
    {
        var file = Copy(DebianGuest.Kernel);
        Flip(file);
        var result = Provide();
        Assert.Contains("the cached packages are damaged: fetching them again", result.Error, StringComparison.Ordinal);
        Assert.Equal(Hash(DebianGuest.Kernel), Hash(file));
        Assert.Equal("", Provide().Error);
    }

    /// <summary>An image that is whole stays where overlays expect it; one that is not gets another name, and is not used.</summary>
    [Fact]
    public void DiskImage_IsTheNewestWholeOne_AndADamagedOneGetsOutOfTheWay()
    {
        var script = Script + "-disk";
        var real = EmuProcess.Execute(script, ["--print-paths"], []);
        Assert.True(real.Status == 0, real.Error);
        var name = Path.GetFileName(Path.GetDirectoryName(real.Output.Trim()["disk=".Length..]))!;
        var recipe = name[..name.IndexOf('-', "image-".Length)];
        var images = Path.Combine(cache.FullName, "emu", "guests", "debian-arm64-disk");
        foreach (var made in (string[])["20260101-000000", "20260102-000000"])
        {
            var directory = Directory.CreateDirectory(Path.Combine(images, $"{recipe}-{made}")).FullName;
            File.WriteAllText(Path.Combine(directory, "disk.raw"), made);
            File.WriteAllText(Path.Combine(directory, "SHA256SUMS"), $"{Hash(Path.Combine(directory, "disk.raw")).ToLowerInvariant()}  disk.raw\n");
        }

        string Disk(string made) => Path.Combine(images, made, "disk.raw");
        Assert.Equal(($"disk={Disk($"{recipe}-20260102-000000")}\n", ""), Provide(script));
        Flip(Disk($"{recipe}-20260102-000000"));
        var damaged = $"damaged-{recipe}-20260102-000000";
        Assert.Equal(
            ($"disk={Disk($"{recipe}-20260101-000000")}\n", $"debian-arm64-disk: the cached image is damaged and not used any more: {Path.Combine(images, damaged)}\n"),
            Provide(script));
        Assert.True(File.Exists(Disk(damaged)));
        Assert.Equal(($"disk={Disk($"{recipe}-20260101-000000")}\n", ""), Provide(script));
    }

    private (string Output, string Error) Provide(string script)
    {
        var result = EmuProcess.Execute(script, ["--print-paths"], new() { ["XDG_CACHE_HOME"] = cache.FullName });
        return (result.Output, result.Error);
    }

    private EmuResult Provide()
    {
        var result = EmuProcess.Execute(Script, ["--print-paths"], new() { ["XDG_CACHE_HOME"] = cache.FullName });
        Assert.True(result.Status == 0, result.Error);
        return result;
    }

    private string Copy(string file) => Path.Combine(guest, Path.GetRelativePath(Path.GetDirectoryName(Path.GetDirectoryName(file))!, file));

    private static void Flip(string file)
    {
        using var stream = File.Open(file, FileMode.Open);
        stream.Position = stream.Length / 2;
        var value = stream.ReadByte();
        stream.Position--;
        stream.WriteByte((byte)~value);
    }

    private static string Hash(string file) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)));
}
