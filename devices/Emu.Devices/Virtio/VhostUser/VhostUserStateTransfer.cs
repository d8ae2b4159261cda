// Moving the inner state of a vhost-user back end through a pipe ("Migrating back-end state" of the protocol), both ways.
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Virtio.VhostUser;

/// <summary>One transfer. The rings of the device are stopped meanwhile.</summary>
internal static unsafe class VhostUserStateTransfer
{
    /// <summary>Most bytes that a state may have.</summary>
    public const int MaximumBytes = 128 << 20;

    /// <summary>A back end that is not ready for the next bytes for so long is taken for dead: it may look through a directory tree before the first.</summary>
    private const int TimeoutMilliseconds = 60_000;

    private const int ReadPart = 64 << 10;

    /// <summary>PIPE_BUF: a pipe that is ready takes so much without waiting.</summary>
    private const int WritePart = 4096;

    /// <summary>Reads the state of the back end.</summary>
    /// <exception cref="EmuException">It has none to give, or the transfer fails.</exception>
    public static byte[] Save(VhostUserConnection connection)
    {
        var end = Open(connection, VhostUserStateDirection.Save);
        try
        {
            using var state = new MemoryStream();
            var buffer = new byte[ReadPart];
            fixed (byte* p = buffer)
            {
                int count;
                while ((count = Carry(connection, end, HostCalls.POLLIN, p, ReadPart)) > 0)
                {
                    state.Write(buffer, 0, count);
                    if (state.Length > MaximumBytes)
                    {
                        throw connection.Failed($"has a state of more than {MaximumBytes >> 20} MiB");
                    }
                }
            }

            connection.CheckState(VhostUserStateDirection.Save);
            return state.ToArray();
        }
        finally
        {
            _ = HostCalls.close(end);
        }
    }

    /// <summary>Gives a new back end the state of the one that was saved.</summary>
    /// <exception cref="EmuException">It does not take it.</exception>
    public static void Load(VhostUserConnection connection, byte[] state)
    {
        var end = Open(connection, VhostUserStateDirection.Load);
        try
        {
            fixed (byte* p = state)
            {
                for (var done = 0; done < state.Length;)
                {
                    done += Carry(connection, end, HostCalls.POLLOUT, p + done, Math.Min(WritePart, state.Length - done));
                }
            }
        }
        finally
        {
            _ = HostCalls.close(end);
        }

        connection.CheckState(VhostUserStateDirection.Load);
    }

    /// <summary>Agrees with the back end on a channel; this process's end of it.</summary>
    private static int Open(VhostUserConnection connection, VhostUserStateDirection direction)
    {
        var ends = stackalloc int[2];
        if (HostCalls.pipe2(ends, HostCalls.O_CLOEXEC) != 0)
        {
            throw connection.Failed($"cannot be given a pipe ({HostCalls.LastError()})");
        }

        var (own, given) = direction == VhostUserStateDirection.Save ? (ends[0], ends[1]) : (ends[1], ends[0]);
        try
        {
            var other = connection.SetStateDescriptor(direction, given);
            if (other >= 0)
            {
                _ = HostCalls.close(own);
                own = other;
            }
        }
        catch
        {
            _ = HostCalls.close(own);
            throw;
        }
        finally
        {
            // Its end of the transfer is the end of the pipe: no other process may hold it open.
            _ = HostCalls.close(given);
        }

        return own;
    }

    /// <summary>Waits until the channel is ready, and reads or writes once. Bytes, 0 at the end.</summary>
    private static int Carry(VhostUserConnection connection, int end, short direction, byte* data, int length)
    {
        while (true)
        {
            var wait = new HostCalls.PollDescriptor { Descriptor = end, Events = direction };
            var ready = HostCalls.poll(&wait, 1, TimeoutMilliseconds);
            if (ready == 0)
            {
                throw connection.Failed("does not go on with its state");
            }

            var count = ready < 0 ? -1 : direction == HostCalls.POLLIN ? HostCalls.read(end, data, (nuint)length) : HostCalls.write(end, data, (nuint)length);
            if (count >= 0)
            {
                return (int)count;
            }

            if (Marshal.GetLastPInvokeError() is not (HostCalls.EINTR or HostCalls.EAGAIN))
            {
                throw connection.Failed($"breaks off the transfer of its state ({HostCalls.LastError()})");
            }
        }
    }
}
