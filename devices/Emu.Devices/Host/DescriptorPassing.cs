// Passing descriptors to another process over a Unix socket (unix(7), SCM_RIGHTS).
using System.Runtime.InteropServices;

namespace Emu.Devices.Host;

/// <summary>sendmsg and recvmsg with ancillary data; 64-bit Linux.</summary>
internal static unsafe partial class DescriptorPassing
{
    private const int SolSocket = 1;
    private const int ScmRights = 1;
    private const int MsgNoSignal = 0x4000;
    private const int MsgCmsgCloexec = 0x4000_0000;

    /// <summary>sizeof(struct cmsghdr), where its data begins.</summary>
    private const int ControlHeader = 16;

    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public HostCalls.IoVector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>Sends bytes, and descriptors with the first of them. Returns the number of bytes sent, or -1.</summary>
    public static int Send(int socket, ReadOnlySpan<byte> data, ReadOnlySpan<int> descriptors)
    {
        // cmsg_len counts header and data, the control buffer is padded to 8.
        var bytes = descriptors.Length * sizeof(int);
        var control = stackalloc byte[ControlHeader + ((bytes + 7) & ~7)];
        *(nuint*)control = (nuint)(ControlHeader + bytes);
        ((int*)control)[2] = SolSocket;
        ((int*)control)[3] = ScmRights;
        MemoryMarshal.AsBytes(descriptors).CopyTo(new Span<byte>(control + ControlHeader, bytes));
        fixed (byte* p = data)
        {
            var vector = new HostCalls.IoVector { Base = p, Length = (nuint)data.Length };
            var header = new MessageHeader
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = bytes == 0 ? null : control,
                ControlLength = bytes == 0 ? 0 : (nuint)(ControlHeader + ((bytes + 7) & ~7)),
            };
            return (int)sendmsg(socket, &header, MsgNoSignal);
        }
    }

    /// <summary>Receives bytes, and at most one descriptor with them. Returns the number of bytes received, 0 at the end, or -1.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="data">Receives the bytes.</param>
    /// <param name="descriptor">The caller's to close, or -1.</param>
    public static int Receive(int socket, Span<byte> data, out int descriptor)
    {
        const int ControlBytes = ControlHeader + 8;
        var control = stackalloc byte[ControlBytes];
        fixed (byte* p = data)
        {
            var vector = new HostCalls.IoVector { Base = p, Length = (nuint)data.Length };
            var header = new MessageHeader { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = ControlBytes };
            var count = (int)recvmsg(socket, &header, MsgCmsgCloexec);
            var hasOne = count >= 0 && header.ControlLength >= ControlHeader + sizeof(int) && ((int*)control)[2] == SolSocket && ((int*)control)[3] == ScmRights;
            descriptor = hasOne ? *(int*)(control + ControlHeader) : -1;
            return count;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int socket, MessageHeader* message, int flags);
}
