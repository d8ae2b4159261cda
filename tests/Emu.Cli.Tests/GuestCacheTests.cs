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
