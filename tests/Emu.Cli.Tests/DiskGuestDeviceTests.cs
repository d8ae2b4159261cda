// The devices of a machine under a whole system and its tools: fio on disks, iperf3 over the network, files of virtiofsd, sockets between guest and host.
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Emu.Cli.Tests;

public sealed partial class DiskGuestDeviceTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("emu-disk-devices-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    /// <summary>A short turn on every device, in one boot.</summary>
    [VirtiofsdTheory]
    [InlineData("boot=2", "jit")]
    public void EveryDevice_Works_InOneSystem(string cpus, string engine) => Work(new Amount(Megabytes: 16, Seconds: 2, Rounds: 20), cpus, engine);

    [VirtiofsdTheory]
    [InlineData("boot=1", "jit", 200)]
    [InlineData("boot=2", "jit", 200)]
    [InlineData("boot=1", "interpreter", 64)]
    [InlineData("boot=2", "interpreter", 64)]
    [Trait("Category", "Nightly")]
    public void EveryDevice_WorksForLong(string cpus, string engine, int size) => Work(new Amount(size, Seconds: size / 10, Rounds: size * 10), cpus, engine);

    /// <summary>How much each device has to do.</summary>
    private sealed record Amount(int Megabytes, int Seconds, int Rounds);

    private void Work(Amount amount, string cpus, string engine)
    {
        var size = (amount.Megabytes * 2) + 32;
        var (raw, qcow2) = (Path.Combine(directory, "disk.raw"), Path.Combine(directory, "disk.qcow2"));
        Tool("qemu-img", "create", "-q", "-f", "raw", raw, $"{size}M");
        Tool("qemu-img", "create", "-q", "-f", "qcow2", qcow2, $"{size}M");
        var (share, fsSocket) = (Directory.CreateDirectory(Path.Combine(directory, "share")).FullName, Path.Combine(directory, "fs"));
        var content = RandomNumberGenerator.GetBytes(amount.Megabytes << 20);
        File.WriteAllBytes(Path.Combine(share, "given"), content);
        using var fileServer = Virtiofsd.Start(fsSocket, share);
        var vsock = Path.Combine(directory, "vsock");
        var (guestPort, hostPort) = (HostPort.Free(), HostPort.Free());
        using var iperf = StartTool("iperf3", "-s", "-1", "-p", $"{hostPort}");
        using var echo = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        echo.Bind(new UnixDomainSocketEndPoint($"{vsock}_5000"));
        echo.Listen();
        var echoed = EchoAsync(echo);
        var command = $$"""
            set -e
            for d in vdb vdc; do
              fio --name=$d --filename=/dev/$d --rw=randrw --bsrange=512-128k --size={{amount.Megabytes}}M --direct=1 --ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 --do_verify=1 --minimal >/dev/null
              fio --name=trim --filename=/dev/$d --offset={{amount.Megabytes}}M --rw=randtrimwrite --bs=64k --size={{amount.Megabytes}}M --direct=1 --ioengine=libaio --iodepth=8 --minimal >/dev/null
              blockdev --flushbufs /dev/$d; sha256sum </dev/$d | cut -c 1-64
            done
            echo fio
            iperf3 -c 10.0.2.2 -p {{hostPort}} -t {{amount.Seconds}} -f m | grep receiver
            mkdir /share && mount -t virtiofs share /share
            sha256sum </share/given | cut -c 1-64
            cp /share/given /share/copied && mkdir /share/d && mv /share/copied /share/d/ && ln -s d/copied /share/link && sync
            i=0; while [ $i -lt {{amount.Rounds}} ]; do echo $i >/share/d/$i; i=$((i+1)); done; ls /share/d | wc -l
            umount /share
            cat >/run/ping <<'END'
            i=0
            while [ $i -lt {{amount.Rounds}} ]; do echo ping $i; read -r answer; [ "$answer" = "ping $i" ] || exit 1; i=$((i+1)); done
            echo vsock $i >/run/rounds
            END
            socat VSOCK-CONNECT:2:5000 EXEC:'sh /run/ping'
            cat /run/rounds
            socat -u VSOCK-LISTEN:6000 OPEN:/run/lines,creat &
            iperf3 -s -1 -p 5201 >/dev/null &
            until ss -ltn | grep -q :5201; do sleep 0.1; done
            echo SERVING
            wait; wc -l </run/lines
            """;
        using var process = StartTool(
            "dotnet", EmuProcess.Program, "boot", "debian-arm64-disk", "--exec", command, "--cpus", cpus, "--engine", engine,
            "--disk", $"path={raw},image_type=raw,num_queues=2", "--disk", $"path={qcow2},num_queues=2",
            "--net", $"mode=user,hostfwd=tcp:127.0.0.1:{guestPort}-:5201", "--fs", $"tag=share,socket={fsSocket}", "--vsock", $"cid=3,socket={vsock}");
        var lines = new List<string>();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            lines.Add(line);
            if (line == "SERVING")
            {
                Converse(vsock, amount.Rounds);
                Assert.Matches(Receiver(), Tool("iperf3", "-c", "127.0.0.1", "-p", $"{guestPort}", "-t", $"{amount.Seconds}", "-f", "m"));
            }
        }

        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"status {process.ExitCode}: {string.Join('\n', lines)}\n{error}");
        Assert.Equal("", error);
        Assert.Equal(9, lines.Count);
        Assert.Equal("fio", lines[2]);
        Assert.Matches(Receiver(), lines[3]);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), lines[4]);
        Assert.Equal([$"{amount.Rounds + 1}", $"vsock {amount.Rounds}", "SERVING", $"{amount.Rounds}"], lines[5..]);
        Assert.Equal(amount.Rounds, echoed.GetAwaiter().GetResult());

        // What the guest read last is what QEMU's tools find, and the qcow2 image is in order.
        Assert.Contains("No errors were found on the image.", Tool("qemu-img", "check", qcow2), StringComparison.Ordinal);
        Tool("qemu-img", "convert", "-O", "raw", qcow2, qcow2 + ".raw");
        Assert.Equal(lines[0], Hash(raw));
        Assert.Equal(lines[1], Hash(qcow2 + ".raw"));
        Assert.Equal(content, File.ReadAllBytes(Path.Combine(share, "link")));
        Assert.Equal($"{amount.Rounds - 1}\n", File.ReadAllText(Path.Combine(share, "d", $"{amount.Rounds - 1}")));
    }

    /// <summary>The host's end: connects to the guest through the hybrid socket, when somebody listens there, and sends it lines to count.</summary>
    private static void Converse(string vsock, int lines)
    {
        string? answer = null;
        for (var start = Stopwatch.StartNew(); answer is null && start.Elapsed < Patience.Limit;)
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(vsock));
            using var stream = new NetworkStream(socket);
            using var reader = new StreamReader(stream);
            stream.Write("CONNECT 6000\n"u8);
            answer = reader.ReadLine();
            if (answer is null)
            {
                Thread.Sleep(100);
                continue;
            }

            Send(socket, stream, lines);
            Assert.Equal("", reader.ReadToEnd());
        }

        Assert.Matches(@"^OK \d+$", answer);
    }

    private static void Send(Socket socket, NetworkStream stream, int lines)
    {
        for (var i = 0; i < lines; i++)
        {
            stream.Write(Encoding.ASCII.GetBytes($"line {i}\n"));
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Sends back what the guest sends; returns how many lines that were.</summary>
    private static async Task<int> EchoAsync(Socket listener)
    {
        using var socket = await listener.AcceptAsync();
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        var count = 0;
        while (await reader.ReadLineAsync() is { } line)
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(line + "\n"));
            count++;
        }

        return count;
    }

    private static RunningTool StartTool(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["EMU_ROOT"] = DebianGuest.Root;
        var process = new RunningTool { StartInfo = start };
        process.Start();
        process.StandardInput.Close();
        return process;
    }

    private static string Tool(string program, params string[] arguments)
    {
        var result = EmuProcess.Execute(program, arguments, []);
        Assert.True(result.Status == 0, $"{program} {string.Join(' ', arguments)} ended with {result.Status}: {result.Output}{result.Error}");
        return result.Output;
    }

    private static string Hash(string file)
    {
        using var stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>Something came; how fast is the host's affair.</summary>
    [GeneratedRegex(@" (?!0\.0+ )[0-9.]+ Mbits/sec +receiver")]
    private static partial Regex Receiver();
}
