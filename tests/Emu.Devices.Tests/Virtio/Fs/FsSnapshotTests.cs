// Snapshots of virtio-fs: open files outlive their server, a server that keeps its state is named, and a pause leaves no request with it.
using System.Diagnostics;
using System.Security.Cryptography;
using Emu.Core;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Fs;
using Emu.Devices.Virtio.VhostUser;

namespace Emu.Devices.Tests.Virtio.Fs;

public sealed class FsSnapshotTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-fs-snapshot");
    private readonly HostClock clock = new();
    private readonly PciHarness h = new(shared: true);
    private Process? server;
    private VhostUserDevice? device;
    private int slot = -1;

    private string Socket => Path.Combine(directory.FullName, "s");

    private string Share => Path.Combine(directory.FullName, "share");

    public void Dispose()
    {
        device?.Dispose();
        Kill();
        h.Dispose();
        clock.Dispose();
        directory.Delete(true);
    }

    [NewerVirtiofsdTheory]
    [MemberData(nameof(FsTests.Rings), MemberType = typeof(FsTests))]
    public void OpenFiles_GoOnWithTheNextServer(ulong ring)
    {
        Serve(Virtiofsd.Newer);
        var content = RandomNumberGenerator.GetBytes(200_000);
        File.WriteAllBytes(Path.Combine(Share, "file"), content);
        var d = new MockVirtioDriver(h, slot).Start(ring);
        var fuse = new MockFuse(d);
        fuse.Start();
        var node = (ulong)fuse.Find(MockFuse.Root, "file");
        var handle = fuse.OpenFile(node);
        var made = fuse.CreateFile(MockFuse.Root, "made");
        Assert.Equal(content[..5000], fuse.ReadFile(node, handle, 0, 5000));
        Assert.Equal(3000u, fuse.WriteFile(made.Node, made.Handle, 0, content[..3000]));

        // Twice: the second state comes from a server that was given the first.
        for (var round = 1; round <= 2; round++)
        {
            // A machine that was saved goes on with the server that it has.
            Save();
            Assert.Equal(content[5000..7000], fuse.ReadFile(node, handle, 5000, 2000));
            Replace(Virtiofsd.Newer);
            Assert.Equal(content[100_000..104_000], fuse.ReadFile(node, handle, 100_000, 4000));
            Assert.Equal(3000u, fuse.WriteFile(made.Node, made.Handle, (ulong)round * 3000, content[(round * 3000)..((round + 1) * 3000)]));
        }

        fuse.Close(made.Node, made.Handle);
        Assert.Equal(content[..9000], File.ReadAllBytes(Path.Combine(Share, "made")));
        Assert.Equal(15, d.DeviceStatus);
        Assert.Equal("", h.LogText.ToString());
    }

    [NewerVirtiofsdTheory]
    [MemberData(nameof(FsTests.Rings), MemberType = typeof(FsTests))]
    public void RequestsThatWait_AreAnsweredOnce_ByOneServerOrTheOther(ulong ring)
    {
        const int Requests = 30;
        const int Size = 4096;
        Serve(Virtiofsd.Newer);
        var content = RandomNumberGenerator.GetBytes(Requests * Size);
        File.WriteAllBytes(Path.Combine(Share, "file"), content);
        var d = new MockVirtioDriver(h, slot).Start(ring, 256);
        var fuse = new MockFuse(d);
        fuse.Start();
        var node = (ulong)fuse.Find(MockFuse.Root, "file");
        var handle = fuse.OpenFile(node);
        for (var round = 0; round < 5; round++)
        {
            var places = new ulong[Requests];
            for (var i = 0; i < Requests; i++)
            {
                places[i] = fuse.BeginRead(node, handle, (ulong)(i * Size), Size);
                if (i == Requests / 2)
                {
                    // The server begins; where it is when the machine stops is chance.
                    d.Queues[1].Notify();
                }
            }

            Replace(Virtiofsd.Newer);
            var answered = 0;
            Assert.True(SpinWait.SpinUntil(() => (answered += d.Queues[1].TakeUsed() is null ? 0 : 1) == Requests, Patience.Limit), $"{answered} of {Requests} requests were answered");
            for (var i = 0; i < Requests; i++)
            {
                Assert.Equal(content[(i * Size)..((i + 1) * Size)], d.Fetch(places[i], Size));
            }
        }

        Assert.Null(d.Queues[1].TakeUsed());
        Assert.Equal(15, d.DeviceStatus);
    }

    /// <summary>QEMU's own server, of Debian 12, or any other that keeps its state: as long as it has none of the guest, it can be left out.</summary>
    [VirtiofsdTheory]
    [MemberData(nameof(FsTests.Rings), MemberType = typeof(FsTests))]
    public void ServerThatKeepsItsState_IsFineAsLongAsItHasNone(ulong ring)
    {
        Serve(Virtiofsd.Find()!);
        var d = new MockVirtioDriver(h, slot).Start(ring);
        var fuse = new MockFuse(d);
        Replace(Virtiofsd.Find()!);
        fuse.Start();
        var node = fuse.CreateFile(MockFuse.Root, "made");
        if (Virtiofsd.Find()!.Contains("qemu", StringComparison.Ordinal))
        {
            var refusal = Assert.Throws<EmuException>(Save).Message;
            Assert.Equal($"fs0: the vhost-user program at '{Socket}' keeps its state to itself: use virtiofsd 1.11 or newer (Debian 13 has 1.13), or unmount the file system in the guest before", refusal);
        }

        // A machine that could not be saved goes on.
        Assert.Equal(3u, fuse.WriteFile(node.Node, node.Handle, 0, [1, 2, 3]));
        fuse.Destroy();
        Replace(Virtiofsd.Find()!);
        fuse.Start();
        Assert.True(fuse.Find(MockFuse.Root, "made") > 0);
        Assert.Equal(15, d.DeviceStatus);
    }

    [NewerVirtiofsdTheory]
    [MemberData(nameof(FsTests.Rings), MemberType = typeof(FsTests))]
    public void FileThatIsGone_RefusesTheRestore(ulong ring)
    {
        Serve(Virtiofsd.Newer);
        var path = Path.Combine(Share, "file");
        File.WriteAllText(path, "content");
        var fuse = new MockFuse(new MockVirtioDriver(h, slot).Start(ring));
        fuse.Start();
        fuse.OpenFile((ulong)fuse.Find(MockFuse.Root, "file"));
        var state = Save();
        File.Delete(path);
        Serve(Virtiofsd.Newer);
        h.Segment.Pause();
        Assert.Equal(
            $"fs0: the vhost-user program at '{Socket}' cannot open what the saved guest had open: give it the directory as it was then; its own messages say what is missing",
            Assert.Throws<EmuException>(() => PciHarness.Restore(h.Segment, state)).Message);
        h.Segment.Resume();
    }

    private byte[] Save()
    {
        h.Segment.Pause();
        try
        {
            return PciHarness.Save(h.Segment);
        }
        finally
        {
            h.Segment.Resume();
        }
    }

    /// <summary>Saves the machine, and goes on with a new server and a new device, as after a restore.</summary>
    private void Replace(string program)
    {
        h.Segment.Pause();
        var state = PciHarness.Save(h.Segment);
        Serve(program);
        h.Segment.Pause();
        PciHarness.Restore(h.Segment, state);
        h.Segment.Resume();
    }

    /// <summary>A new server, and a new device connected to it.</summary>
    private void Serve(string program)
    {
        if (slot >= 0)
        {
            h.Segment.Remove(slot);
            device!.Dispose();
        }

        Kill();
        Directory.CreateDirectory(Share);
        server = Virtiofsd.Start(Socket, Share, program);
        var log = new Log(h.LogText);
        var made = FsDevice.Create(new FsOptions("fs0", "share", Socket), h.Memory, clock, null, log);
        device = made;
        slot = h.Segment.Add(new VirtioPciTransport(made, h.Memory, h.Msi, log, new VirtioPciOptions(false, VirtioFeature.DefaultRing | VirtioFeature.RingPacked)));
    }

    private void Kill()
    {
        if (server is not null)
        {
            server.Kill();
            server.WaitForExit();
            server.Dispose();
            server = null;
            File.Delete(Socket);
        }
    }
}
