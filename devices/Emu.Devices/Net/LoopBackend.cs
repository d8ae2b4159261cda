// What every network back end shares: its loop, its card, its link.
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Net;

/// <summary>A back end on a <see cref="HostLoop"/>. A subclass says what to wait for and carries the frames.</summary>
public abstract class LoopBackend : INetBackend, IHostLoopClient
{
    /// <summary>Most frames carried in one direction before the loop looks at everything else again.</summary>
    private const int FramesPerRound = 1024;

    private readonly HostLoop loop;
    private INetPort? port;
    private volatile bool linkUp = true;

    /// <summary>Creates the loop.</summary>
    /// <param name="name">Name of the card, for thread and messages.</param>
    /// <param name="clock">Machine time.</param>
    /// <param name="post">Deterministic mode: runs an action on the machine's thread. Null in host time.</param>
    protected LoopBackend(string name, Clock clock, Action<Action>? post)
    {
        Name = name;
        Clock = clock;
        loop = new HostLoop(name, this, clock, post);
    }

    /// <inheritdoc/>
    public event Action? LinkChanged;

    /// <inheritdoc/>
    public virtual NetOffload Accepts => NetOffload.None;

    /// <inheritdoc/>
    public virtual NetOffload Gives => NetOffload.None;

    /// <inheritdoc/>
    public object Gate => loop.Gate;

    /// <inheritdoc/>
    public bool IsDeterministic => loop.IsDeterministic;

    /// <inheritdoc/>
    public bool LinkUp => linkUp;

    /// <summary>Name of the card.</summary>
    protected string Name { get; }

    /// <summary>Machine time.</summary>
    protected Clock Clock { get; }

    /// <summary>The card.</summary>
    protected INetPort Port => port ?? throw new InvalidOperationException("the back end has no card");

    /// <inheritdoc/>
    public void Attach(INetPort port) => this.port = port;

    /// <inheritdoc/>
    public void Start() => loop.Start();

    /// <inheritdoc/>
    public void Kick() => loop.Kick();

    /// <inheritdoc/>
    public void Pause() => loop.Pause();

    /// <inheritdoc/>
    public void Resume() => loop.Resume();

    /// <inheritdoc/>
    public virtual void SetGuestOffloads(NetOffload offloads, int mtu) { }

    /// <inheritdoc/>
    public virtual void SetQueues(int pairs) { }

    /// <inheritdoc/>
    public virtual void Save(SnapshotWriter writer) { }

    /// <inheritdoc/>
    public virtual void Restore(SnapshotReader reader) { }

    /// <inheritdoc/>
    public abstract void Prepare(PollSet set);

    /// <inheritdoc/>
    public void Service(PollSet set)
    {
        Port.BeginService();
        Carry(set);
        Port.EndService();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        loop.Dispose();
        Close();
        GC.SuppressFinalize(this);
    }

    /// <summary>Moves frames in both directions, without waiting.</summary>
    protected abstract void Carry(PollSet set);

    /// <summary>Gives the host's resources back; the loop has ended.</summary>
    protected abstract void Close();

    /// <summary>Plugs the cable in or out.</summary>
    protected void SetLink(bool up)
    {
        if (linkUp != up)
        {
            linkUp = up;
            LinkChanged?.Invoke();
        }
    }

    /// <summary>Whether a round has carried enough. The rest then waits for the next, which comes at once. In deterministic mode a round
    /// carries everything: the guest stands still meanwhile and cannot add to it.</summary>
    protected bool IsRoundOver(int frames)
    {
        if (frames < FramesPerRound || IsDeterministic)
        {
            return false;
        }

        Kick();
        return true;
    }
}
