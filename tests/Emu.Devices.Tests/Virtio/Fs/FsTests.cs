// virtio-fs with the real virtiofsd: FUSE requests through vhost-user, resets, a server that dies, and bad options.
using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using Emu.Core;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Fs;

namespace Emu.Devices.Tests.Virtio.Fs;

public sealed class FsTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-fs");
    private readonly HostClock clock = new();
    private Process? server;

    public static TheoryData<ulong> Rings => [VirtioFeature.DefaultRing, VirtioFeature.DefaultRing | VirtioFeature.RingPacked];

    private string Socket => Path.Combine(directory.FullName, "s");

    private string Share => Path.Combine(directory.FullName, "share");

    public void Dispose()
    {
        if (server is not null)
        {
            server.Kill();
            server.WaitForExit();
            server.Dispose();
        }

        clock.Dispose();
        directory.Delete(true);
    }

    [VirtiofsdTheory]
    [MemberData(nameof(Rings))]
    public void FilesOfTheHost_AreFoundReadAndWritten(ulong ring)
    {
        using var h = new PciHarness(shared: true);
        Serve();
        var content = RandomNumberGenerator.GetBytes(200_000);
        File.WriteAllBytes(Path.Combine(Share, "file"), content);
        var (slot, device) = Make(h);
        using var _ = device;
        var d = new MockVirtioDriver(h, slot);
        Assert.Equal("share"u8.ToArray(), d.ReadDeviceConfig(0, 5));
        Assert.Equal([0, 1, 0, 0, 0], d.ReadDeviceConfig(35, 5));
        for (var round = 0; round < 2; round++)
        {
            // The second round comes after a reset of the device, as after a reboot of the guest.
            d.Start(ring);
            var fuse = new MockFuse(d);
            Assert.InRange(fuse.Start(), 27u, 100u);
            Assert.Equal(-2, fuse.Find(MockFuse.Root, "nothing"));
            var node = (ulong)fuse.Find(MockFuse.Root, "file");
            var handle = fuse.OpenFile(node);
            List<byte> got = [];
            while (got.Count < content.Length)
            {
                got.AddRange(fuse.ReadFile(node, handle, (ulong)got.Count, 65536));
            }

            Assert.Equal(content, got);
            fuse.Close(node, handle);
            var made = fuse.CreateFile(MockFuse.Root, $"made{round}");
            Assert.Equal(60_000u, fuse.WriteFile(made.Node, made.Handle, 0, content[..60_000]));
            fuse.Close(made.Node, made.Handle);
            Assert.Equal(content[..60_000], File.ReadAllBytes(Path.Combine(Share, $"made{round}")));
        }

        Assert.True(d.Interrupts(1) > 0);
        Assert.Equal(15, d.DeviceStatus);
        h.AssertGuardsIntact();
    }

    [VirtiofsdTheory]
    [InlineData(0)]
    public void ServerThatDies_StopsTheDevice_AndAResetFindsTheNextOne(int _)
    {
        using var h = new PciHarness(shared: true);
        Serve();
        var (slot, device) = Make(h);
        using var owned = device;
        var d = new MockVirtioDriver(h, slot).Start();
        new MockFuse(d).Start();
        server!.Kill();
        Patience.Until(() => h.Msi.Count(100) != 0, "nobody noticed");
        Assert.Equal((1, 0x4F), (h.Msi.Count(100), (int)d.DeviceStatus));
        Assert.Single(h.LogText.ToString().Split('\n'), l => l.Contains("is gone; the device stops until the guest resets it"));
        server.WaitForExit();
        File.Delete(Socket);
        Serve();
        d.Start();
        new MockFuse(d).Start();
        Assert.Equal(15, d.DeviceStatus);
    }

    [VirtiofsdTheory]
    [InlineData(false, "guest RAM is not shared: a vhost-user device needs --memory shared=on")]
    [InlineData(true, null)]
    public void RamThatIsNotShared_StopsTheDevice_WithTheReason(bool shared, string? reason)
    {
        using var h = new PciHarness(shared: shared);
        Serve();
        var (slot, device) = Make(h);
        using var _ = device;
        var d = new MockVirtioDriver(h, slot);
        Assert.True(d.Negotiate(VirtioFeature.Version1));
        d.SetUpQueue(0, 16);
        d.SetUpQueue(1, 16);
        d.Set(MockVirtioDriver.Status, 1, 15);
        Assert.Equal(reason is null ? 15 : 0x4F, d.DeviceStatus);
        Assert.Equal(reason is not null, h.LogText.ToString().Contains(reason ?? "never", StringComparison.Ordinal));
    }

    [VirtiofsdTheory]
    [InlineData(3)]
    public void HostileRings_AreSurvived(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 8; round++)
        {
            // RAM of its own: a server that starts on the last round's rings may end before the driver looks.
            using var h = new PciHarness(shared: true);
            Serve();
            var (slot, device) = Make(h);
            using var _ = device;
            var d = new MockVirtioDriver(h, slot).Start(VirtioFeature.DefaultRing, 16);
            for (var i = 0; i < 500 && d.DeviceStatus == 15; i++)
            {
                var q = (MockSplitQueue)d.Queues[random.Next(2)];
                var at = (ulong)random.Next(16);

                // Sound descriptors of nonsense for the most part: the server ends at what it cannot understand.
                q.WriteDescriptor(q.Desc + (at * 16), PciHarness.RamBase + 0x80_0000 + (ulong)random.Next(4096), (uint)random.Next(1, 200), (ushort)random.Next(random.Next(10) == 0 ? 8 : 3), (ushort)random.Next(16));
                q.OfferHead((ushort)random.Next(16));
                q.Notify();
                if (random.Next(50) == 0)
                {
                    // The machine stands still, is saved if the server lets it, and goes on.
                    h.Segment.Pause();
                    try
                    {
                        PciHarness.Save(h.Segment);
                    }
                    catch (EmuException e)
                    {
                        Assert.StartsWith("fs0: ", e.Message, StringComparison.Ordinal);
                    }

                    h.Segment.Resume();
                }
            }

            h.Segment.Remove(slot);
            server!.Kill();
            server.WaitForExit();
            File.Delete(Socket);
            h.AssertGuardsIntact();
        }
    }

    [Fact]
    public void OptionsThatCannotBe_AreRefused()
    {
        using var h = new PciHarness();
        Assert.Contains("cannot connect to the socket", Refused(new FsOptions("fs0", "share", Socket)));
        Assert.Contains("must be 1 to 36 bytes", Refused(new FsOptions("fs0", "", Socket)));
        Assert.Contains("0 request queues", Refused(new FsOptions("fs0", "share", Socket, 0)));
        Assert.Contains("a queue of 3 entries", Refused(new FsOptions("fs0", "share", Socket, 1, 3)));
        Assert.Contains("deterministic mode", Refused(new FsOptions("fs0", "share", Socket), a => a()));

        using var listener = new System.Net.Sockets.Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(Socket));
        listener.Listen();
        var closer = new Background(() => listener.Accept().Dispose());
        Assert.Contains("the vhost-user program at", Refused(new FsOptions("fs0", "share", Socket)));
        closer.Join();

        string Refused(FsOptions options, Action<Action>? post = null) =>
            Assert.Throws<EmuException>(() => FsDevice.Create(options with { Patience = TimeSpan.Zero }, h.Memory, clock, post, Log.Null)).Message;
    }

    [Fact]
    public void ServerThatIsStartedTogetherWithTheMachine_IsWaitedFor()
    {
        using var h = new PciHarness();
        using var listener = new System.Net.Sockets.Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var message = "";
        var maker = new Background(() => message = Assert.Throws<EmuException>(() => FsDevice.Create(
            new FsOptions("fs0", "share", Socket) { Patience = Patience.Limit }, h.Memory, clock, null, new Log(h.LogText))).Message);
        Patience.Until(() => h.LogText.ToString().Contains($"fs0: nobody listens at the socket '{Socket}' yet", StringComparison.Ordinal), "nobody waits");

        // A file at first, as for the moment between bind() and listen().
        listener.Bind(new UnixDomainSocketEndPoint(Socket));
        listener.Listen();
        listener.Accept().Dispose();
        maker.Join();
        Assert.Contains("the vhost-user program at", message);
        Assert.Single(h.LogText.ToString().Split('\n'), l => l.Contains("nobody listens", StringComparison.Ordinal));
    }

    private void Serve()
    {
        Directory.CreateDirectory(Share);
        server?.Dispose();
        server = Virtiofsd.Start(Socket, Share);
    }

    private (int Slot, IDisposable Device) Make(PciHarness h)
    {
        var device = FsDevice.Create(new FsOptions("fs0", "share", Socket), h.Memory, clock, null, new Log(h.LogText));
        return (h.Segment.Add(new VirtioPciTransport(device, h.Memory, h.Msi, new Log(h.LogText), new VirtioPciOptions(false, VirtioFeature.DefaultRing | VirtioFeature.RingPacked))), device);
    }
}
